"""What people are told while they wait: how many tasks go first, and about how long that takes."""

from __future__ import annotations

from typing import Final

from openbeam.models import Run, Task, Waiting
from openbeam.states import RunState, TaskState
from redis import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session

from openbeam_service.tasks.models import HELD_STATES, TaskRow
from openbeam_service.tasks.queue import TaskQueue

__all__ = ["Waits"]

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0


class Waits:
    """Adds to tasks and runs as they are shown. A queue that does not answer adds nothing."""

    def __init__(self, queue: TaskQueue) -> None:
        self._queue = queue

    def task(self, row: TaskRow, shown: Task) -> Task:
        """Return a call as it is shown, with its place while it is queued."""
        if shown.state is not TaskState.queued:
            return shown
        return shown.model_copy(update={"waiting": self._waiting(row.endpoint_id, row.user_id, row.id)})

    def run(self, db: Session, shown: Run) -> Run:
        """Return a run as it is shown, with the place of its next chunk while none is being computed."""
        if shown.state is not RunState.running:
            return shown
        columns = (TaskRow.endpoint_id, TaskRow.user_id, TaskRow.id)
        mine = select(*columns).where(TaskRow.run_id == shown.id)
        if db.execute(mine.where(TaskRow.state.in_(HELD_STATES)).limit(1)).first():
            return shown
        queued = mine.where(TaskRow.state == TaskState.queued, ~TaskRow.parked)
        first = db.execute(queued.order_by(TaskRow.created, TaskRow.file_uri, TaskRow.start).limit(1)).first()
        waiting = self._waiting(*first) if first else None
        if waiting is None:
            return shown
        return shown.model_copy(update={"waiting": waiting, "activity": _sentence(shown.activity, waiting)})

    def _waiting(self, endpoint_id: str, who: str, task_id: str) -> Waiting | None:
        try:
            position = self._queue.ahead(endpoint_id, who, task_id)
            pace = self._queue.tasks_a_second(endpoint_id)
        except RedisError:
            return None
        if position is None:
            return None
        return Waiting(position=position, seconds=None if pace is None else round((position + 1) / pace, 1))


def _sentence(activity: str, waiting: Waiting) -> str:
    """Say it in a few words."""
    if not waiting.position:
        return activity
    tasks = "task goes" if waiting.position == 1 else "tasks go"
    said = f"{activity}, {waiting.position:,} {tasks} first"
    return said if waiting.seconds is None else f"{said}, about {_duration(waiting.seconds)}"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / _MINUTE)} min" if seconds < _HOUR else f"{seconds / _HOUR:.1f} h"
