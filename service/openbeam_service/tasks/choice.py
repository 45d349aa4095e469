"""On which endpoint a task or a run goes."""

from __future__ import annotations

from typing import Final

from openbeam.errors import Conflict, UnknownEndpoint
from openbeam.states import TaskState
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from openbeam_service.access import usable_endpoints
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.endpoints.policy import check_function, reasons, why_not
from openbeam_service.endpoints.store import find, is_online
from openbeam_service.identity.principal import Principal
from openbeam_service.registry.models import FunctionRow
from openbeam_service.tasks.models import TaskRow

__all__ = ["choose_endpoint"]

_MOST_REASONS: Final = 3


def choose_endpoint(db: Session, caller: Principal, ref: str | None, function: FunctionRow) -> EndpointRow:
    """Return the endpoint that the caller names; without a name, the one that will be done first.

    Raises
    ------
    UnknownEndpoint
        When the caller may use no endpoint of that name, or none at all.
    NotAllowed
        When the named one does not run this function: says why.
    Conflict
        When none of those that the caller may use does.

    """
    if ref is not None:
        row = find(db, usable_endpoints(caller), caller, ref)
        check_function(row, function)
        return row
    usable = db.scalars(select(EndpointRow).where(usable_endpoints(caller))).all()
    if not usable:
        raise UnknownEndpoint(
            "There is no endpoint to run this on. Lend a machine (openbeam-endpoint start NAME), or ask your teacher.",
            nearest=[],
        )
    able = [row for row in usable if why_not(row, function) is None]
    if not able:
        said = " ".join(reasons(usable, function)[:_MOST_REASONS])
        raise Conflict(f"No endpoint may run this function. {said} Start one that may: openbeam-endpoint start NAME.")
    waiting = _waiting(db) if len(able) > 1 else {}
    return min(
        able,
        key=lambda row: (not is_online(row), waiting.get(row.id, 0), row.owner_id != caller.user_id, row.name, row.id),
    )


def _waiting(db: Session) -> dict[str, int]:
    query = select(TaskRow.endpoint_id, func.count()).where(TaskRow.state == TaskState.queued)
    return dict(db.execute(query.group_by(TaskRow.endpoint_id)).all())
