"""Who may see and use what: one predicate an action, for lists and single objects alike.

::

    select(FunctionRow).where(visible_functions(caller), FunctionRow.name == name)

Predicates are kept for callers who come again: to build one takes longer than to ask SQLite. They name the caller and
hold nothing that the database says of them.

Admins see all. Everybody else sees what is public, their own, or shared with a class that they are in; what they do not
see does not exist for them.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from openbeam.errors import NotAllowed
from openbeam.models import ClassRole, EndpointUsers, Visibility
from sqlalchemy import ColumnElement, Select, and_, exists, false, or_, select, true
from sqlalchemy.orm import Session

from openbeam_service.audit.models import AuditRow
from openbeam_service.classes.models import ClassRow, classes_of
from openbeam_service.credentials.models import CredentialRow
from openbeam_service.endpoints.models import EndpointRow, EndpointShareRow
from openbeam_service.hosting.models import HostRow, ManagedRow
from openbeam_service.identity.models import PersonalTokenRow, UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.scopes import PEOPLE_SCOPES, cap
from openbeam_service.registry.models import FunctionRow, FunctionShareRow, StoredFileRow
from openbeam_service.runs.models import RunRow
from openbeam_service.tasks.models import ACTIVE_STATES, TaskRow

__all__ = [
    "barred_users",
    "check_own",
    "managed_classes",
    "managed_hosts",
    "openable_credentials",
    "own_credentials",
    "own_endpoints",
    "own_functions",
    "own_tokens",
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
    "visible_managed",
    "visible_runs",
    "visible_tasks",
]

_kept = lru_cache(maxsize=1_000)


@_kept
def visible_functions(caller: Principal) -> ColumnElement[bool]:
    """Functions that the caller may read and run: none that was deleted."""
    shared = select(FunctionShareRow.function_id).where(FunctionShareRow.class_id.in_(classes_of(caller.user_id)))
    seen = or_(
        FunctionRow.visibility == Visibility.public,
        FunctionRow.owner_id == caller.user_id,
        FunctionRow.id.in_(shared),
    )
    return and_(FunctionRow.deleted.is_(None), true() if caller.is_admin else seen)


def own_functions(caller: Principal) -> ColumnElement[bool]:
    """Functions that the caller may share, deprecate and delete."""
    own = true() if caller.is_admin else FunctionRow.owner_id == caller.user_id
    return and_(FunctionRow.deleted.is_(None), own)


def check_own(db: Session, row: FunctionRow | EndpointRow, own: ColumnElement[bool], called: str) -> None:
    """Let only its owner, or an administrator, change what the caller sees.

    Raises
    ------
    NotAllowed
        Names the owner.

    """
    if not db.scalar(select(exists().where(type(row).id == row.id, own))):
        raise NotAllowed(f"{called} belongs to {row.owner.name}, who alone may change it.", owner=row.owner.name)


def own_tokens(caller: Principal) -> ColumnElement[bool]:
    """Personal tokens that the caller may see and revoke: their own; who is here by one, that one."""
    if caller.role is None:
        return false()
    own = PersonalTokenRow.user_id == caller.user_id
    return and_(own, PersonalTokenRow.id == caller.token_id) if caller.token_id else own


def own_credentials(caller: Principal) -> ColumnElement[bool]:
    """Credentials for outputs that the caller may see, use and remove: their own, whoever they are."""
    return false() if caller.role is None else CredentialRow.user_id == caller.user_id


def openable_credentials(agent: Principal) -> ColumnElement[bool]:
    """Sealed credentials that an agent may have: those for its own endpoint."""
    return false() if agent.endpoint_id is None else CredentialRow.endpoint_id == agent.endpoint_id


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
    """Endpoints that the caller may know of: none that was taken away."""
    seen = or_(
        EndpointRow.visibility == Visibility.public,
        EndpointRow.owner_id == caller.user_id,
        EndpointRow.id.in_(_shared_endpoints(caller.user_id)),
    )
    return and_(EndpointRow.closed.is_(None), true() if caller.is_admin else seen)


@_kept
def usable_endpoints(caller: Principal) -> ColumnElement[bool]:
    """Endpoints that the caller may send tasks to: those they see, unless its owner keeps it for fewer people."""
    return and_(visible_endpoints(caller), _within_policy(caller.user_id))


def barred_users(db: Session, endpoint: EndpointRow, user_ids: Collection[str]) -> set[str]:
    """Return which of some people may not use an endpoint (any more)."""
    if endpoint.visibility is Visibility.public and endpoint.users is EndpointUsers.all:
        return set()
    others = set(user_ids) - {endpoint.owner_id}
    if not others:
        return set()
    people = db.scalars(select(UserRow).where(UserRow.id.in_(others)))
    callers = [Principal(one.id, one.name, one.role, cap(PEOPLE_SCOPES, one.role), "") for one in people]
    this = EndpointRow.id == endpoint.id
    return {one.user_id for one in callers if not db.scalar(select(exists().where(this, usable_endpoints(one))))}


def own_endpoints(caller: Principal) -> ColumnElement[bool]:
    """Endpoints that the caller may change, share and take away."""
    return true() if caller.is_admin else EndpointRow.owner_id == caller.user_id


def managed_hosts(caller: Principal) -> ColumnElement[bool]:
    """Hosts that the caller may see and have endpoints run on: administrators all, nobody else any."""
    return true() if caller.is_admin else HostRow.id == caller.host_id


def visible_managed(caller: Principal) -> ColumnElement[bool]:
    """Say which managed endpoints the caller sees: administrators all, a host's agent its own, nobody else any."""
    return true() if caller.is_admin else ManagedRow.host_id == caller.host_id


def _shared_endpoints(user_id: str) -> Select[str]:
    return select(EndpointShareRow.endpoint_id).where(EndpointShareRow.class_id.in_(classes_of(user_id)))


def _within_policy(user_id: str) -> ColumnElement[bool]:
    in_class = and_(
        EndpointRow.users == EndpointUsers.classes,
        EndpointRow.id.in_(_shared_endpoints(user_id)),
    )
    return or_(EndpointRow.users == EndpointUsers.all, EndpointRow.owner_id == user_id, in_class)


@_kept
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
