"""Nothing is lost silently: what the queue lost is noted in the database, what it forgot is put into it again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

from openbeam.models import TaskProblem
from openbeam.states import TaskState
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, aliased

from openbeam_service.database import lock, now
from openbeam_service.tasks import poison
from openbeam_service.tasks.models import ACTIVE_STATES, HELD_STATES, TaskRow
from openbeam_service.tasks.queue import MAX_LOST_LEASES, Lost, TaskQueue
from openbeam_service.tasks.steps import claim, step

__all__ = ["Noted", "find_forgotten", "give_up", "mark_forgotten", "mark_lost", "withdraw"]

GRACE: Final = timedelta(seconds=3)
"""A task this young may be on its way into the queue."""


_WENT_AWAY: Final = f"The endpoint went away {MAX_LOST_LEASES + 1} times while it had this task."


@dataclass
class Noted:
    """What the database knows now."""

    ended: set[str] = field(default_factory=set)
    """Tasks that have failed."""
    queued: dict[str, str] = field(default_factory=dict)
    """Tasks that wait again, and whose they are."""
    unwanted: dict[str, list[str]] = field(default_factory=dict)
    """By endpoint: tasks that have failed, and that the queue has taken back."""
    runs: set[str] = field(default_factory=set)
    """Runs that have news."""

    def lines(self, task_ids: Sequence[str]) -> dict[str, list[str]]:
        """Return those of the tasks that wait again, in order, by person."""
        lines: dict[str, list[str]] = {}
        for task_id in task_ids:
            if task_id in self.queued:
                lines.setdefault(self.queued[task_id], []).append(task_id)
        return lines


def mark_lost(db: Session, lost: Sequence[Lost]) -> Noted:
    """Note leases that ran out. The session must be fresh."""
    noted = Noted()
    tasks = claim(db, [one.task_id for one in lost])
    for one in lost:
        task = tasks.get(one.task_id)
        # With another lease, or none, the database is ahead of the queue.
        if task is None or task.lease_id != one.lease_id or task.state not in HELD_STATES:
            continue
        if task.state is TaskState.running:
            poison.note_loss(task, f"endpoint {task.endpoint.name}", "it went away while it had the task.")
        _let_go(task)
        if one.given_up or poison.is_poison(task):
            _fail(task, _WENT_AWAY)
            noted.ended.add(task.id)
            if not one.given_up:
                noted.unwanted.setdefault(task.endpoint_id, []).append(task.id)
        else:
            step(task, TaskState.queued)
        if task.run_id:
            noted.runs.add(task.run_id)
    return noted


def give_up(db: Session, task_ids: Collection[str]) -> Noted:
    """Let tasks fail that the queue has no retry left for. The session must be fresh."""
    noted = Noted()
    for task in claim(db, task_ids).values():
        if task.state is TaskState.queued:
            _fail(task, _WENT_AWAY)
            noted.ended.add(task.id)
            if task.run_id:
                noted.runs.add(task.run_id)
    return noted


def withdraw(db: Session, endpoint_id: str, name: str) -> Noted:
    """Let all tasks of an endpoint fail that was taken away. The session must be fresh."""
    lock(db)
    noted = Noted()
    active = (TaskRow.endpoint_id == endpoint_id, TaskRow.state.in_(ACTIVE_STATES))
    for task in db.scalars(select(TaskRow).where(*active).order_by(TaskRow.id).with_for_update()):
        if task.state is TaskState.received:
            step(task, TaskState.queued)
        _fail(task, f"Endpoint {name!r} was taken away by its owner. Choose another one.")
        task.lease_id, task.parked = None, False
        noted.ended.add(task.id)
        if task.run_id:
            noted.runs.add(task.run_id)
    return noted


def find_forgotten(db: Session, queue: TaskQueue) -> dict[str, list[str]]:
    """Return the tasks, by endpoint, that should be in a queue or leased, and that Valkey knows nothing of."""
    leader = aliased(TaskRow)
    is_led = select(leader.id).where(
        leader.key == TaskRow.key,
        leader.endpoint_id == TaskRow.endpoint_id,
        leader.state.in_(ACTIVE_STATES),
        ~leader.parked,
    )
    active = select(TaskRow.endpoint_id, TaskRow.id).where(
        TaskRow.state.in_(ACTIVE_STATES),
        func.coalesce(TaskRow.leased, TaskRow.created) < now() - GRACE,
        or_(~TaskRow.parked, ~is_led.exists()),
    )
    expected: dict[str, list[str]] = {}
    for endpoint_id, task_id in db.execute(active.order_by(TaskRow.created)):
        expected.setdefault(endpoint_id, []).append(task_id)
    forgotten = {}
    for endpoint_id, task_ids in expected.items():
        known = queue.known(endpoint_id)
        missing = [task_id for task_id in task_ids if task_id not in known]
        if missing:
            forgotten[endpoint_id] = missing
    return forgotten


def mark_forgotten(db: Session, task_ids: Collection[str]) -> Noted:
    """Note that tasks wait again which the queue had forgotten; some may have ended meanwhile. A fresh session."""
    noted = Noted()
    for task in claim(db, task_ids).values():
        if task.state not in ACTIVE_STATES:
            continue
        if task.state in HELD_STATES:
            _let_go(task)
        if task.state is not TaskState.queued:
            step(task, TaskState.queued)
        task.parked = False
        noted.queued[task.id] = task.user_id
        if task.run_id:
            noted.runs.add(task.run_id)
    return noted


def _let_go(task: TaskRow) -> None:
    step(task, TaskState.lost)
    task.lease_id = None
    task.activity = ""


def _fail(task: TaskRow, message: str) -> None:
    step(task, TaskState.failed)
    task.ended = now()
    problem = TaskProblem(kind="EngineFault", message=message, details={"attempts": task.attempts})
    if poison.is_poison(task):
        problem = poison.verdict(task, "EngineFault", attempts=task.attempts)
    task.problem = problem.model_dump()
