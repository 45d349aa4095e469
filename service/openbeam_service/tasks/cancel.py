"""Stopping what somebody no longer wants: it ends here at once, whoever has it, and then its agent is told.

A lease whose task has ended here is worth nothing: what comes back under it is turned away, and the agent's next
renewal tells it to stop. So nothing that happens in between can count.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from openbeam.errors import Conflict
from openbeam.models import TaskKind, TaskProblem
from openbeam.states import FINAL_RUN_STATES, FINAL_TASK_STATES, RUN_STEPS, RunState, TaskState
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from openbeam_service.access import stoppable_runs, stoppable_tasks
from openbeam_service.audit.store import note
from openbeam_service.database import lock, now
from openbeam_service.identity.principal import Principal
from openbeam_service.runs.models import RunRow
from openbeam_service.runs.store import find_run
from openbeam_service.tasks.models import ACTIVE_STATES, TaskRow
from openbeam_service.tasks.queue import Lease
from openbeam_service.tasks.store import find_task

__all__ = ["Gone", "Stopped", "cancel_call", "cancel_run", "stop"]

_AT_ONCE: Final = 500


@dataclass
class Gone:
    """What an endpoint's queue has to forget."""

    queued: list[str] = field(default_factory=list)
    leases: list[Lease] = field(default_factory=list)


@dataclass
class Stopped:
    """What was stopped, and what follows from it once the transaction is committed."""

    tasks: list[str] = field(default_factory=list)
    gone: dict[str, Gone] = field(default_factory=lambda: defaultdict(Gone))
    """By endpoint."""
    released: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """By endpoint: chunks of other runs that waited for a stopped one; they go into their queue now."""


def cancel_call(db: Session, caller: Principal, task_id: str) -> Stopped:
    """Cancel a call; one that has ended stays as it is. The session must be fresh.

    Raises
    ------
    UnknownTask
        When there is none that the caller may stop.
    Conflict
        When it is a part of a run, or a look into a file that others wait for too.

    """
    lock(db)
    task = find_task(db, caller, task_id, stoppable_tasks(caller))
    if task.kind is not TaskKind.call:
        whole = f"run {task.run_id}" if task.run_id else "the run that needs it"
        raise Conflict(f"This task is a part of a run. Cancel {whole} instead.", run_id=task.run_id)
    if task.state in FINAL_TASK_STATES:
        return Stopped()
    problem = TaskProblem(kind="TaskCancelled", message=f"{caller.name} cancelled the task.", details={"id": task.id})
    stopped = stop(db, TaskRow.id == task.id, problem=problem.model_dump())
    if stopped.tasks:
        note(db, caller, "task.cancel", task.id, task.function.ref, endpoint_id=task.endpoint_id)
    return stopped


def cancel_run(db: Session, caller: Principal, run_id: str) -> Stopped:
    """Cancel a run and all of its chunks; one that has ended stays as it is. The session must be fresh.

    Looks into files go on: they belong to everybody who waits for them, and what they find is kept.

    Raises
    ------
    UnknownRun
        When there is none that the caller may stop.

    """
    lock(db)
    run = find_run(db, caller, run_id, stoppable_runs(caller))
    if run.state in FINAL_RUN_STATES:
        return Stopped()
    if run.state is RunState.planning:
        _lock_run(db, run)
    # In the order in which everybody locks: tasks, then their run.
    stopped = stop(db, TaskRow.run_id == run.id)
    _lock_run(db, run)
    if RunState.cancelled not in RUN_STEPS[run.state] or not (stopped.tasks or run.state is RunState.planning):
        # It has ended meanwhile, or all of its chunks have: then it is complete in a moment.
        return stopped
    run.state = RunState.cancelled
    run.ended = now()
    note(db, caller, "run.cancel", run.id, run.function.ref, endpoint_id=run.endpoint_id, chunks=len(stopped.tasks))
    return stopped


def stop(db: Session, which: ColumnElement[bool], *, problem: dict[str, Any] | None = None) -> Stopped:
    """End those of some tasks that have not ended. The session must hold the lock."""
    active = (which, TaskRow.state.in_(ACTIVE_STATES))
    columns = (TaskRow.id, TaskRow.endpoint_id, TaskRow.lease_id, TaskRow.parked, TaskRow.key)
    rows = db.execute(select(*columns).where(*active).order_by(TaskRow.id).with_for_update()).all()
    stopped = Stopped()
    for row in rows:
        gone = stopped.gone[row.endpoint_id]
        stopped.tasks.append(row.id)
        if row.lease_id is None:
            gone.queued.append(row.id)
        else:
            gone.leases.append(Lease(row.id, row.lease_id))
    ended = {"state": TaskState.cancelled, "ended": now(), "lease_id": None, "parked": False, "activity": ""}
    db.execute(
        update(TaskRow).where(*active).values(**ended, problem=problem),
        execution_options={"synchronize_session": False},
    )
    _release(db, [row.key for row in rows if row.key and not row.parked], stopped)
    return stopped


def _lock_run(db: Session, run: RunRow) -> None:
    """Let nobody change the run before the transaction ends, and read how it stands now."""
    db.execute(select(RunRow.id).where(RunRow.id == run.id).with_for_update())
    db.refresh(run)


def _release(db: Session, keys: Sequence[str], stopped: Stopped) -> None:
    """Let other runs' chunks that waited for one of these be computed."""
    for index in range(0, len(keys), _AT_ONCE):
        waiting = select(TaskRow).where(TaskRow.key.in_(keys[index : index + _AT_ONCE]), TaskRow.parked)
        locked = waiting.where(TaskRow.state == TaskState.queued).order_by(TaskRow.id).with_for_update()
        for task in db.scalars(locked):
            task.parked = False
            stopped.released[task.endpoint_id].append(task.id)
