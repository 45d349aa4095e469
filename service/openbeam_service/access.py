"""Who may see and use what: one predicate an action, for lists and single objects alike.

::

    select(FunctionRow).where(visible_functions(caller), FunctionRow.name == name)

Admins see all. Everybody else sees what is public or their own; what they do not see does not exist for them.
"""

from __future__ import annotations

from openbeam.errors import NotAllowed
from openbeam.models import ClassRole, Isolation
from sqlalchemy import ColumnElement, and_, false, or_, select, true

from openbeam_service.audit.models import AuditRow
from openbeam_service.classes.models import ClassRow, classes_of
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.principal import Principal
from openbeam_service.registry.models import FunctionRow, StoredFileRow
from openbeam_service.runs.models import RunRow
from openbeam_service.tasks.models import ACTIVE_STATES, TaskRow

__all__ = [
    "check_isolation",
    "is_isolated_for",
    "managed_classes",
    "owned_classes",
    "stoppable_runs",
    "stoppable_tasks",
    "usable_endpoints",
    "visible_audit",
    "visible_classes",
    "visible_datasets",
    "visible_endpoints",
    "visible_files",
    "visible_functions",
    "visible_runs",
    "visible_tasks",
]


def visible_functions(caller: Principal) -> ColumnElement[bool]:
    """Functions that the caller may read and run."""
    return true() if caller.is_admin else or_(FunctionRow.public, FunctionRow.owner_id == caller.user_id)


def visible_audit(caller: Principal) -> ColumnElement[bool]:
    """Entries of the audit trail: what the caller did, what was done to them, what concerns their endpoints."""
    if caller.role is None:
        return false()
    if caller.is_admin:
        return true()
    lent = select(EndpointRow.id).where(EndpointRow.owner_id == caller.user_id)
    return or_(
        AuditRow.actor_id == caller.user_id,
        and_(AuditRow.kind == "user", AuditRow.object_id == caller.user_id),
        AuditRow.endpoint_id.in_(lent),
    )


def visible_datasets(caller: Principal) -> ColumnElement[bool]:
    """Datasets that the caller may read and run over: all, for a record says where data are, and a class shares it."""
    return false() if caller.role is None else true()


def visible_files(caller: Principal) -> ColumnElement[bool]:
    """Say what the caller may download: people, their own uploads; an agent, what its endpoint has a task for."""
    if caller.endpoint_id is not None:
        needed = select(TaskRow.id).where(
            TaskRow.endpoint_id == caller.endpoint_id,
            TaskRow.state.in_(ACTIVE_STATES),
            TaskRow.file_uri == "openbeam://files/" + StoredFileRow.key,
        )
        return needed.exists()
    return true() if caller.is_admin else StoredFileRow.owner_id == caller.user_id


def visible_endpoints(caller: Principal) -> ColumnElement[bool]:
    """Endpoints that the caller may know of."""
    return true() if caller.is_admin else or_(EndpointRow.public, EndpointRow.owner_id == caller.user_id)


def usable_endpoints(caller: Principal) -> ColumnElement[bool]:
    """Endpoints that the caller may send tasks to."""
    return visible_endpoints(caller)


def visible_tasks(caller: Principal) -> ColumnElement[bool]:
    """Tasks that the caller may look at."""
    return _own(TaskRow.user_id == caller.user_id, caller)


def visible_runs(caller: Principal) -> ColumnElement[bool]:
    """Say which runs the caller may look at."""
    return _own(RunRow.user_id == caller.user_id, caller)


def stoppable_tasks(caller: Principal) -> ColumnElement[bool]:
    """Tasks that the caller may cancel: their own."""
    return _own(TaskRow.user_id == caller.user_id, caller)


def stoppable_runs(caller: Principal) -> ColumnElement[bool]:
    """Say which runs the caller may cancel, resubmit and keep: their own."""
    return _own(RunRow.user_id == caller.user_id, caller)


def _own(own: ColumnElement[bool], caller: Principal) -> ColumnElement[bool]:
    if caller.role is None:
        return false()
    return true() if caller.is_admin else own


def visible_classes(caller: Principal) -> ColumnElement[bool]:
    """Classes that the caller is in."""
    return _own(ClassRow.id.in_(classes_of(caller.user_id)), caller)


def managed_classes(caller: Principal) -> ColumnElement[bool]:
    """Classes that the caller runs: as one of their teachers, with a teacher's account."""
    if "classes:manage" not in caller.scopes:
        return false()
    return _own(ClassRow.id.in_(classes_of(caller.user_id, ClassRole.teacher)), caller)


def owned_classes(caller: Principal) -> ColumnElement[bool]:
    """Classes that the caller may delete."""
    if "classes:manage" not in caller.scopes:
        return false()
    return _own(ClassRow.owner_id == caller.user_id, caller)


def is_isolated_for(endpoint: EndpointRow, author_id: str) -> bool:
    """Tell whether an endpoint may run an author's code: without isolation, only its owner's."""
    unguarded = (endpoint.status or {}).get("isolation") == Isolation.none
    return not unguarded or endpoint.owner_id == author_id


def check_isolation(endpoint: EndpointRow, author_id: str) -> None:
    """Refuse to send an author's code to an endpoint that would run it unguarded.

    Raises
    ------
    NotAllowed
        When it has no isolation and belongs to somebody else.

    """
    if not is_isolated_for(endpoint, author_id):
        raise NotAllowed(
            f"Endpoint {endpoint.name!r} has no isolation, so it runs only its owner's functions. Choose another one.",
            endpoint=endpoint.name,
        )
