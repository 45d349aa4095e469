"""The audit trail: written in the transaction of what it tells, so that neither is ever there without the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from sqlalchemy import delete
from sqlalchemy.orm import Session

from openbeam_service.audit.models import AuditRow
from openbeam_service.database import now
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.metrics.counts import ACTIONS

__all__ = ["forget_old", "note"]

_OBJECT_ID: Final = 64
_NAME: Final = 200
"""What the columns hold; a longer name is cut, for an entry must never stand in the way of what it tells."""


def note(
    db: Session,
    caller: Principal | UserRow | str,
    action: str,
    object_id: str = "",
    name: str = "",
    *,
    endpoint_id: str | None = None,
    **details: Any,
) -> None:
    """Add an entry. ``action`` is ``kind.verb``.

    ``caller`` is a principal, a person at the service's own pages, or a word: ``cli``, ``service``, ``anonymous``.
    """
    row = AuditRow(
        action=action,
        kind=action.partition(".")[0],
        object_id=object_id[:_OBJECT_ID],
        name=name[:_NAME],
        endpoint_id=endpoint_id,
        details=details,
    )
    match caller:
        case Principal():
            row.actor_id, row.actor, row.client = caller.user_id, caller.name, caller.client_id
        case UserRow():
            row.actor_id, row.actor, row.client = caller.id, caller.name, "browser"
        case _:
            row.actor_id, row.actor, row.client = None, caller, caller
    db.add(row)
    ACTIONS.labels(action).inc()


def forget_old(db: Session, days: int) -> None:
    """Drop entries that are older."""
    db.execute(delete(AuditRow).where(AuditRow.at < now() - timedelta(days=days)))
