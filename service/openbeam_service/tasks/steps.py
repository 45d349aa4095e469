"""Steps of a task, as ``openbeam.states`` draws them, made under a lock."""

from __future__ import annotations

from collections.abc import Collection

from openbeam.states import TASK_STEPS, TaskState
from sqlalchemy import select
from sqlalchemy.orm import Session

from openbeam_service.database import lock, now
from openbeam_service.runs.cache import Known
from openbeam_service.tasks.models import TaskRow

__all__ = ["answer", "claim", "step"]


def claim(db: Session, task_ids: Collection[str]) -> dict[str, TaskRow]:
    """Return tasks by id, locked until the transaction ends. The session must be fresh."""
    lock(db)
    rows = select(TaskRow).where(TaskRow.id.in_(task_ids)).order_by(TaskRow.id).with_for_update()
    return {row.id: row for row in db.scalars(rows)}


def step(task: TaskRow, *states: TaskState) -> None:
    """Move a task through the given states.

    Raises
    ------
    ValueError
        When there is no such step: a mistake in the service, for callers look at the state first.

    """
    for state in states:
        if state not in TASK_STEPS[task.state]:
            raise ValueError(f"task {task.id}: no step from {task.state} to {state}")
        task.state = state


def answer(task: TaskRow, known: Known) -> None:
    """End a leased chunk with a result that is there already."""
    step(task, TaskState.success)
    task.cached = True
    task.parked = False
    task.result_id = known.id
    task.endpoint_id = known.endpoint_id
    task.ended = now()
    task.lease_id = None
