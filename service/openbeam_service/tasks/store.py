"""What the service keeps of tasks: calls as people submit them, and how they are shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from openbeam.errors import InvalidInput, TooLarge, TooMany, UnknownTask
from openbeam.models import MAX_PAYLOAD, FunctionKind, Task, TaskKind, TaskProblem, TaskSubmit
from openbeam.states import TaskState
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from openbeam_service.access import visible_tasks
from openbeam_service.identity.principal import Principal
from openbeam_service.registry.sendable import size_of
from openbeam_service.registry.store import find_function
from openbeam_service.runs.params import check_named
from openbeam_service.tasks.choice import choose_endpoint
from openbeam_service.tasks.models import ACTIVE_STATES, TaskRow
from openbeam_service.tasks.steps import step

__all__ = ["MAX_ACTIVE_TASKS", "add_call", "find_task", "shown_task"]

MAX_ACTIVE_TASKS: Final = 10_000
"""Calls of one person that have not ended."""


def add_call(db: Session, caller: Principal, submit: TaskSubmit) -> TaskRow:
    """Add a call of a plain function. It goes into its queue after this transaction.

    Raises
    ------
    UnknownFunction, UnknownEndpoint, NotAllowed, Conflict
        When the caller may not run it, or not there.
    InvalidInput
        When the function is an analysis, or an argument does not fit its schema.
    TooLarge
        When the arguments are over ``MAX_PAYLOAD``.
    TooMany
        When the caller has too many calls that have not ended.

    """
    function = find_function(db, caller, submit.function)
    if function.kind is not FunctionKind.plain:
        raise InvalidInput(f"{function.ref} is an analysis: run it over a dataset (POST /runs).", field="function")
    arguments = {"args": submit.args, "kwargs": submit.kwargs}
    _check_arguments(arguments)
    check_named(function.parameters, submit.kwargs)
    _check_quota(db, caller)
    endpoint = choose_endpoint(db, caller, submit.endpoint, function.owner_id)
    task = TaskRow(
        kind=TaskKind.call,
        state=TaskState.received,
        user_id=caller.user_id,
        function=function,
        endpoint=endpoint,
        tenant=function.owner_id,
        timeout=function.timeout,
        arguments=arguments,
        attempts=0,
    )
    step(task, TaskState.queued)
    db.add(task)
    db.flush()
    return task


def _check_arguments(arguments: Mapping[str, Any]) -> None:
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


def _check_quota(db: Session, caller: Principal) -> None:
    active = select(TaskRow.id).where(
        TaskRow.user_id == caller.user_id, TaskRow.state.in_(ACTIVE_STATES), TaskRow.kind == TaskKind.call
    )
    count = db.scalar(select(func.count()).select_from(active.limit(MAX_ACTIVE_TASKS).subquery())) or 0
    if count >= MAX_ACTIVE_TASKS:
        raise TooMany(f"You have {count:,} calls that have not ended. Wait for some of them.", retry_after=5)


def find_task(db: Session, caller: Principal, task_id: str) -> TaskRow:
    """Return a task that the caller may look at.

    Raises
    ------
    UnknownTask
        When there is none. Ids are random: there is nothing near one.

    """
    query = select(TaskRow).options(joinedload(TaskRow.function), joinedload(TaskRow.endpoint))
    row = db.scalar(query.where(visible_tasks(caller), TaskRow.id == task_id))
    if row is None:
        raise UnknownTask.among(task_id, [])
    return row


def shown_task(row: TaskRow) -> Task:
    """Return a task as people see it."""
    return Task(
        id=row.id,
        function=row.function.ref,
        endpoint=row.endpoint.name,
        state=row.state,
        result=None if row.value is None else json.loads(row.value)["value"],
        error=None if row.problem is None else TaskProblem.model_validate(row.problem),
        attempts=row.attempts,
        created=row.created,
        started=row.started,
        ended=row.ended,
    )
