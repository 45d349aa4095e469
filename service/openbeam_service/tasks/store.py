"""What people see of tasks."""

from __future__ import annotations

import json

from openbeam.errors import UnknownTask
from openbeam.models import MAX_BATCH, Task, TaskOutput, TaskProblem, TaskStanding, TaskStatusRequest
from sqlalchemy import ColumnElement, and_, select
from sqlalchemy.orm import Session, joinedload

from openbeam_service.access import visible_tasks
from openbeam_service.identity.principal import Principal
from openbeam_service.registry.shown import notices
from openbeam_service.runs.retention import check_there
from openbeam_service.tasks import outputs
from openbeam_service.tasks.models import TaskRow

__all__ = ["find_task", "output_of", "shown_task", "standings"]


def find_task(db: Session, caller: Principal, task_id: str, may: ColumnElement[bool] | None = None) -> TaskRow:
    """Return a task that the caller may look at, or for which they ``may`` do something else.

    Raises
    ------
    UnknownTask
        When there is none. Ids are random: there is nothing near one.

    """
    query = select(TaskRow).options(joinedload(TaskRow.function), joinedload(TaskRow.endpoint))
    row = db.scalar(query.where(visible_tasks(caller) if may is None else may, TaskRow.id == task_id))
    if row is None:
        raise UnknownTask.among(task_id, [])
    return row


def shown_task(row: TaskRow) -> Task:
    """Return a task as people see it.

    Raises
    ------
    ResultGone
        When its result has been removed.

    """
    check_there("call", row.ended, row.forgotten)
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
        outputs=outputs.shown(row),
        notices=notices(row.function),
    )


def output_of(db: Session, caller: Principal, task_id: str) -> TaskOutput:
    """Return what a task printed; raises as ``find_task`` does."""
    task = find_task(db, caller, task_id)
    return TaskOutput(stdout=task.stdout or "", stderr=task.stderr or "")


def standings(db: Session, caller: Principal, asked: TaskStatusRequest) -> list[TaskStanding]:
    """Return how those of the asked tasks stand that the caller may look at, at most ``MAX_BATCH``."""
    of_group = and_(TaskRow.group_id == asked.group, TaskRow.number >= asked.first)
    which = TaskRow.id.in_(asked.ids) if asked.group is None else of_group
    columns = (TaskRow.id, TaskRow.state, TaskRow.group_id, TaskRow.number)
    query = select(*columns).where(visible_tasks(caller), TaskRow.group_id.is_not(None), which)
    rows = db.execute(query.order_by(TaskRow.created, TaskRow.group_id, TaskRow.number).limit(MAX_BATCH))
    return [
        TaskStanding(id=task_id, state=state, group=group or "", number=number or 0)
        for task_id, state, group, number in rows
    ]
