"""What is not done: calls that wait to be sent, and tasks whose end the service has still to tell."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from openbeam.executor.future import TaskFuture
from openbeam.models import Task

__all__ = ["Board"]


class Board:
    """Shared by an executor's threads; everything happens under one lock.

    ``stop_task`` asks the service to stop a task, and returns whether it will.
    """

    def __init__(self, stop_task: Callable[[str], bool]) -> None:
        self.changed = threading.Condition()
        self.closed = False
        """No more calls are taken."""
        self._stop_task = stop_task
        self._waiting: deque[TaskFuture] = deque()
        self._sending: dict[TaskFuture, None] = {}
        self._tasks: dict[str, TaskFuture] = {}
        self._early: dict[str, Task] = {}

    # ------------------------------------------------------------------------------------------ people
    def add(self, future: TaskFuture) -> None:
        """Let a call wait for the sender.

        Raises
        ------
        RuntimeError
            When the executor was shut down, as ``concurrent.futures`` has it.

        """
        with self.changed:
            if self.closed:
                raise RuntimeError("cannot schedule new futures after shutdown")
            self._waiting.append(future)
            self.changed.notify_all()

    def close(self) -> None:
        """Take no more calls; those that wait are still sent."""
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def id_of(self, future: TaskFuture) -> str | None:
        """Return the id of a call's task as soon as the service has taken it."""
        with self.changed:
            self.changed.wait_for(lambda: future.sent_as is not None or future.done())
            return future.sent_as

    def cancel(self, future: TaskFuture) -> bool:
        """Cancel a call before it is sent, or its task."""
        with self.changed:
            if future not in self._sending and future.sent_as is None:
                future.unwanted = True
        if future.unwanted:
            return future.withdraw()
        task_id = self.id_of(future)
        if future.done() or task_id is None or not self._stop_task(task_id):
            return future.cancelled()
        with self.changed:
            self._tasks.pop(task_id, None)
            self.changed.notify_all()
        return future.withdraw()

    def wait_until_sent(self, timeout: float | None = None) -> bool:
        """Return True once no call waits any more, False when the time is up."""
        with self.changed:
            return self.changed.wait_for(lambda: not (self._waiting or self._sending), timeout)

    def wait_until_done(self) -> None:
        """Return once nothing is left."""
        with self.changed:
            self.changed.wait_for(lambda: not (self._waiting or self._sending or self._tasks))

    def pending(self) -> list[TaskFuture]:
        """Return the futures that are not done."""
        with self.changed:
            return [*self._tasks.values(), *self._sending, *(one for one in self._waiting if not one.unwanted)]

    def has_tasks(self) -> bool:
        """Tell whether the service has something still to tell."""
        with self.changed:
            return bool(self._tasks or self._sending)

    def is_over(self) -> bool:
        """Tell whether there is nothing to do any more, and never will be."""
        with self.changed:
            return self.closed and not (self._waiting or self._sending or self._tasks)

    # ------------------------------------------------------------------------------------------ sender
    def take(self, most: int, size: int) -> list[TaskFuture]:
        """Wait for calls and take up to ``most`` with up to ``size`` bytes; none when there will be none any more."""
        with self.changed:
            while True:
                self.changed.wait_for(lambda: self._waiting or self.closed)
                while self._waiting and len(self._sending) < most:
                    if self._sending and size < len(self._waiting[0].call):
                        break
                    future = self._waiting.popleft()
                    size -= len(future.call)
                    if not future.unwanted:
                        self._sending[future] = None
                if self._sending or not self._waiting:
                    self.changed.notify_all()
                if self._sending or self.closed:
                    return list(self._sending)

    def sent(self, futures: Sequence[TaskFuture], ids: Iterable[str]) -> None:
        """Note the tasks of calls that the service has taken, and end those whose result was faster."""
        ended = []
        with self.changed:
            for future, task_id in zip(futures, ids, strict=True):
                future.sent_as, future.call = task_id, b""
                if task := self._early.pop(task_id, None):
                    ended.append((future, task))
                else:
                    self._tasks[task_id] = future
            self._forget_sending(futures)
        for future, task in ended:
            future.end(task)

    def refused(self, future: TaskFuture, error: BaseException) -> None:
        """End a call that the service will not take."""
        with self.changed:
            self._forget_sending([future])
        future.take(error=error)

    def _forget_sending(self, futures: Iterable[TaskFuture]) -> None:
        for future in futures:
            self._sending.pop(future, None)
        if not self._sending:
            self._early.clear()
        self.changed.notify_all()

    # ------------------------------------------------------------------------------------------ receiver
    def expect(self, future: TaskFuture, task_id: str) -> None:
        """Wait for a task that another session has sent."""
        with self.changed:
            self._tasks[task_id] = future
            self.changed.notify_all()

    def end(self, tasks: Iterable[Task]) -> None:
        """End the futures of these tasks; what nobody waits for is ignored."""
        ended = []
        with self.changed:
            for task in tasks:
                future = self._tasks.pop(task.id, None)
                if future is not None:
                    ended.append((future, task))
                elif self._sending:
                    # Its result has overtaken the answer to the batch.
                    self._early[task.id] = task
        for future, task in ended:
            future.end(task)
        with self.changed:
            self.changed.notify_all()

    def fail(self, futures: Iterable[TaskFuture], error: BaseException) -> None:
        """End futures of which nothing will be heard any more. Their tasks go on."""
        for future in futures:
            with self.changed:
                self._tasks.pop(future.sent_as or "", None)
                self.changed.notify_all()
            future.take(error=error)
