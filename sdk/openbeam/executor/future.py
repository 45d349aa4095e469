"""``TaskFuture``: a ``concurrent.futures.Future`` that knows its task."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, Protocol

from openbeam.checks import no_result
from openbeam.models import Task
from openbeam.states import TaskState

__all__ = ["TaskFuture"]


class _Keeper(Protocol):
    """Knows the tasks of futures, and stops them: the board."""

    def id_of(self, future: TaskFuture, /) -> str | None: ...

    def cancel(self, future: TaskFuture, /) -> bool: ...


class TaskFuture(Future[Any]):
    """One call. It is pending until the service says that its task has ended."""

    def __init__(self, board: _Keeper, call: bytes = b"", task_id: str | None = None) -> None:
        super().__init__()
        self.call = call
        """The call in JSON, until it has been sent."""
        self.sent_as = task_id
        """Id of the task as far as it is known now."""
        self.unwanted = False
        """It was cancelled before it was sent."""
        self._board = board

    @property
    def task_id(self) -> str | None:
        """Id of the task. Waits until the service has taken the call; None when it never will."""
        return self._board.id_of(self)

    def cancel(self) -> bool:
        """Cancel a call that has not been sent, or the task if the service can stop it; return whether it is cancelled.

        Raises
        ------
        ServiceTrouble
            When the service does not answer.

        """
        return self._board.cancel(self)

    def withdraw(self) -> bool:
        """Mark the future as cancelled, and wake whoever waits for it; False when it is done already."""
        if self.cancelled():
            return True
        if not super().cancel():
            return False
        self.set_running_or_notify_cancel()
        return True

    def end(self, task: Task) -> None:
        """Take what became of the task."""
        if task.state is TaskState.cancelled:
            self.withdraw()
        elif task.state is TaskState.success:
            self.take(result=task.result)
        else:
            self.take(error=no_result(task))

    def take(self, *, result: Any = None, error: BaseException | None = None) -> None:
        """Be done with a result or an error, unless it was cancelled."""
        if self.done() or not self.set_running_or_notify_cancel():
            return
        if error is None:
            self.set_result(result)
        else:
            self.set_exception(error)
