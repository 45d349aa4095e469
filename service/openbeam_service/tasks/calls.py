"""Calls of plain functions: checked, and added in one transaction, whether it is one or a thousand."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from openbeam.errors import CallsRefused, Conflict, InvalidInput, OpenbeamError, TooLarge, to_json
from openbeam.models import MAX_PAYLOAD, FunctionKind, QuotaRule, Role, TaskBatch, TaskKind, TaskSubmit
from openbeam.states import TaskState
from sqlalchemy import func, insert, select
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.credentials.store import check_usable
from openbeam_service.database import lock, new_id, now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.principal import Principal
from openbeam_service.quotas import use as quota
from openbeam_service.registry.models import FunctionRow
from openbeam_service.registry.sendable import size_of
from openbeam_service.registry.store import find_function
from openbeam_service.runs.params import check_named
from openbeam_service.tasks.choice import choose_endpoint
from openbeam_service.tasks.models import TaskRow

__all__ = ["Added", "add_batch", "add_call"]

_AT_ONCE: Final = 500
_NAMES: Final = uuid.UUID("6f1c3c0e-3b0f-4b53-9d3f-6f0a5d2b7c11")
_T = TypeVar("_T")
Roles = Mapping[Role, QuotaRule]
"""What each role may have."""


@dataclass
class Added:
    """Tasks that are in the database, and go into their queues once the transaction is committed."""

    user_id: str
    ids: list[str]
    """In the order of the calls."""
    queues: dict[str, list[str]] = field(default_factory=dict)
    """Endpoint to tasks."""


def add_call(db: Session, caller: Principal, submit: TaskSubmit, roles: Roles) -> Added:
    """Add a call of a plain function.

    Raises
    ------
    UnknownFunction, UnknownEndpoint, NotAllowed, Conflict
        When the caller may not run it, or not there.
    InvalidInput
        When the function is an analysis, or an argument does not fit its schema.
    TooLarge
        When the arguments are over ``MAX_PAYLOAD``.
    QuotaUsedUp
        When there is no room for them.

    """
    task_id = new_id()
    return _add(db, caller, [_Calls(db, caller).checked(submit)], [task_id], task_id, 0, roles)


def add_batch(db: Session, caller: Principal, batch: TaskBatch, roles: Roles) -> Added:
    """Add many calls, all or none; a batch that is here already stays as it is. The session must be fresh.

    Raises
    ------
    CallsRefused
        Naming every call that cannot be run, and why.
    Conflict
        When the group has other calls at this place.
    QuotaUsedUp
        When there is no room for them.

    """
    lock(db)
    places = range(batch.first, batch.first + len(batch.calls))
    ids = [str(uuid.uuid5(_NAMES, f"{caller.user_id}/{batch.group}/{place}")) for place in places]
    if known := _known(db, ids):
        if known != len(ids):
            raise Conflict("The group has other calls at this place. Use a new group.", group=batch.group)
        return Added(caller.user_id, ids)
    calls = _Calls(db, caller)
    checked, refused = _each(batch.calls, calls.checked)
    if refused:
        raise _refusal(refused, len(batch.calls))
    return _add(db, caller, checked, ids, batch.group, batch.first, roles)


# ------------------------------------------------------------------------------------------------ checks
@dataclass(frozen=True)
class _Call:
    function: FunctionRow
    endpoint: EndpointRow
    arguments: dict[str, Any]
    outputs: str | None


class _Calls:
    """Checks calls; each function and endpoint is looked up once."""

    def __init__(self, db: Session, caller: Principal) -> None:
        self._db = db
        self._caller = caller
        self._functions: dict[str, FunctionRow | OpenbeamError] = {}
        self._outputs: dict[tuple[str, str], OpenbeamError | None] = {}
        self._endpoints: dict[tuple[str | None, str], EndpointRow | OpenbeamError] = {}

    def checked(self, submit: TaskSubmit) -> _Call:
        function = _once(self._functions, submit.function, lambda: self._function(submit.function))
        arguments = {"args": submit.args, "kwargs": submit.kwargs}
        _check_arguments(arguments)
        if submit.kwargs:
            check_named(function.parameters, submit.kwargs)
        endpoint = _once(
            self._endpoints,
            (submit.endpoint, function.id),
            lambda: choose_endpoint(self._db, self._caller, submit.endpoint, function),
        )
        if submit.outputs is not None:
            _once(self._outputs, (endpoint.id, submit.outputs), lambda: self._check_outputs(submit, endpoint))
        return _Call(function, endpoint, arguments, submit.outputs)

    def _check_outputs(self, submit: TaskSubmit, endpoint: EndpointRow) -> None:
        if submit.endpoint is None:
            raise InvalidInput("Name the endpoint: a credential for outputs is sealed to one.", field="endpoint")
        check_usable(self._db, self._caller, endpoint, submit.outputs or "")

    def _function(self, ref: str) -> FunctionRow:
        function = find_function(self._db, self._caller, ref)
        if function.kind is not FunctionKind.plain:
            raise InvalidInput(f"{function.ref} is an analysis: run it over a dataset (POST /runs).", field="function")
        return function


def _once(known: dict[Any, _T | OpenbeamError], key: Any, find: Callable[[], _T]) -> _T:
    if key not in known:
        try:
            known[key] = find()
        except OpenbeamError as error:
            known[key] = error
    found = known[key]
    if isinstance(found, OpenbeamError):
        raise found
    return found


def _each(
    submits: Iterable[TaskSubmit], check: Callable[[TaskSubmit], _Call]
) -> tuple[list[_Call], list[dict[str, Any]]]:
    checked, refused = [], []
    for index, submit in enumerate(submits):
        try:
            checked.append(check(submit))
        except OpenbeamError as error:
            refused.append({"index": index, "error": to_json(error)})
    return checked, refused


def _refusal(refused: list[dict[str, Any]], calls: int) -> CallsRefused:
    first = refused[0]["error"]["message"]
    return CallsRefused(
        f"{len(refused):,} of {calls:,} calls cannot be run, so none was taken. The first one: {first}", calls=refused
    )


def _check_arguments(arguments: dict[str, Any]) -> None:
    try:
        size = size_of(arguments)
    except ValueError as error:
        raise InvalidInput(f"The arguments cannot be sent as JSON: {error}.", field="args") from error
    if size > MAX_PAYLOAD:
        raise TooLarge(
            f"The arguments have {size:,} bytes; at most {MAX_PAYLOAD:,} are possible. Send less, or upload a file.",
            limit=MAX_PAYLOAD,
            size=size,
        )


# ------------------------------------------------------------------------------------------------ rows
def _known(db: Session, ids: Sequence[str]) -> int:
    some = (ids[index : index + _AT_ONCE] for index in range(0, len(ids), _AT_ONCE))
    return sum(db.scalar(select(func.count()).where(TaskRow.id.in_(part))) or 0 for part in some)


def _add(
    db: Session, caller: Principal, calls: Sequence[_Call], ids: Sequence[str], group: str, first: int, roles: Roles
) -> Added:
    quota.check(db, caller, roles, tasks=len(calls))
    created, added = now(), Added(caller.user_id, list(ids))
    db.execute(
        insert(TaskRow),
        [
            {
                "id": task_id,
                "kind": TaskKind.call,
                "state": TaskState.queued,
                "user_id": caller.user_id,
                "function_id": call.function.id,
                "endpoint_id": call.endpoint.id,
                "tenant": call.function.owner_id,
                "timeout": call.function.timeout,
                "arguments": call.arguments,
                "outputs_to": call.outputs,
                "group_id": group,
                "number": number,
                "created": created,
            }
            for number, (task_id, call) in enumerate(zip(ids, calls, strict=True), first)
        ],
    )
    for task_id, call in zip(ids, calls, strict=True):
        added.queues.setdefault(call.endpoint.id, []).append(task_id)
    names = {call.function.ref: None for call in calls}
    for endpoint_id, queued in added.queues.items():
        note(
            db,
            caller,
            "task.submit",
            group,
            ", ".join(names)[:200],
            endpoint_id=endpoint_id,
            calls=len(queued),
        )
    return added
