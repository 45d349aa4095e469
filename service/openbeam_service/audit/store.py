"""Write the audit trail, in the transaction of what it tells: neither is ever there without the other."""

from __future__ import annotations

from typing import Any

from sqlalchemy.orm import Session

from openbeam_service.audit.models import AuditRow
from openbeam_service.identity.principal import Principal

__all__ = ["note"]


def note(
    db: Session,
    caller: Principal | str,
    action: str,
    object_id: str = "",
    name: str = "",
    *,
    endpoint_id: str | None = None,
    **details: Any,
) -> None:
    """Add an entry. ``action`` is ``kind.verb``; ``caller`` is a principal, or the word ``cli`` or ``service``."""
    kind = action.partition(".")[0]
    row = AuditRow(action=action, kind=kind, object_id=object_id, name=name, endpoint_id=endpoint_id, details=details)
    if isinstance(caller, Principal):
        row.actor_id, row.actor, row.client = caller.user_id, caller.name, caller.client_id
    else:
        row.actor_id, row.actor, row.client = None, caller, caller
    db.add(row)
