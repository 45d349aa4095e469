"""The executor that people use."""

from __future__ import annotations

import atexit
import itertools
import sys
import threading
import uuid
import weakref
from collections.abc import Iterable, Iterator
from concurrent import futures
from types import TracebackType
from typing import Any, Final, TypeVar

from openbeam.checks import json_bytes, too_large
from openbeam.client import Client
from openbeam.errors import InvalidInput, UnknownTask
from openbeam.executor.board import Board
from openbeam.executor.code import Code, Runnable
from openbeam.executor.future import TaskFuture
from openbeam.executor.receiver import Receiver
from openbeam.executor.sender import send_all
from openbeam.models import MAX_BATCH, MAX_GROUPS, MAX_PAYLOAD, Endpoint, TaskStanding
from openbeam.patience import PATIENCE
from openbeam.states import TaskState

__all__ = ["Executor"]

_T = TypeVar("_T")
_FLUSH_SECONDS: Final = 10.0
_AROUND: Final = 1_024
"""Bytes of a call besides its arguments."""


class Executor(futures.Executor):
    """Runs Python functions on an endpoint, as any ``concurrent.futures.Executor`` does.

    >>> from openbeam import Executor
    >>> with Executor("my-endpoint") as pool:  # doctest: +SKIP
    ...     print(sum(pool.map(simulate, range(1000), chunksize=10)))

    Parameters
    ----------
    endpoint
        Where calls run; None lets the service choose.
    client
        Of the service; without one the executor makes its own, and closes it in the end.
    batch_size
        Calls of one request, at most.
    timeout
        Seconds that one call may take on the endpoint.
    pickle
        Send functions as pickled code: for lambdas, closures and partials. It runs only where the same Python is.
    patience
        Seconds that the service may be away before futures fail.

    A function is published when it is first submitted, by its source text; arguments and results are JSON. Calls that
    have been sent belong to the service: they go on when this program ends, and ``reload_tasks`` finds them again.

    """

    def __init__(
        self,
        endpoint: str | Endpoint | None = None,
        client: Client | None = None,
        *,
        batch_size: int = 256,
        timeout: float = 300.0,
        pickle: bool = False,
        patience: float = 600.0,
    ) -> None:
        if not 1 <= batch_size <= MAX_BATCH:
            raise InvalidInput(f"batch_size is {batch_size}; it must be 1 to {MAX_BATCH}.", field="batch_size")
        self.group = str(uuid.uuid4())
        """Under which the service knows this executor's tasks."""
        self._endpoint = endpoint.id if isinstance(endpoint, Endpoint) else endpoint
        self._own_client = client is None
        self._client = client or Client()
        self._patience = patience
        self._batch_size = batch_size
        self._code = Code(self._client, timeout, min(patience, PATIENCE), pickle=pickle)
        self._board = Board(self._stop_task)
        self._receivers: list[Receiver] = []
        self._sender: threading.Thread | None = None
        self._lock = threading.Lock()
        _left_open[self.group] = self._board
        # An executor that nobody has any more sends what it has, and its sender ends.
        weakref.finalize(self, self._board.close).atexit = False

    # -------------------------------------------------------------------------------------------- calls
    def submit(self, fn: Runnable, /, *args: Any, **kwargs: Any) -> TaskFuture:
        """Call a function on the endpoint; return its future at once.

        ``fn`` is a Python function, a published one's id, ``name`` or ``name@version``, or a ``Function``.

        Raises
        ------
        InvalidInput
            When the text of the function cannot stand alone, or an argument is not JSON.
        TooLarge
            When the arguments are too large to travel.
        RuntimeError
            When the executor was shut down.

        """
        if self._board.closed:
            raise RuntimeError("cannot schedule new futures after shutdown")
        future = TaskFuture(self._board, self._encoded(self._code.ref(fn), args, kwargs))
        self._board.add(future)
        self._start()
        return future

    def map(
        self, fn: Runnable, *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[Any]:
        """Return the results of calling ``fn`` for each tuple of items, in order.

        With ``chunksize`` one task makes that many calls: for Python functions whose calls take milliseconds.

        Raises
        ------
        TimeoutError
            From the iterator, when a result is not there ``timeout`` seconds after this call.
        ValueError
            When ``chunksize`` is not at least 1.

        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if chunksize == 1 or isinstance(fn, str) or not callable(fn):
            return super().map(fn, *iterables, timeout=timeout)  # type: ignore[arg-type]
        chunks = _chunks(zip(*iterables, strict=False), chunksize)
        found: Iterator[list[Any]] = super().map(self._code.chunked(fn), chunks, timeout=timeout)  # type: ignore[arg-type]
        return itertools.chain.from_iterable(found)

    def reload_tasks(self, which: str | Iterable[str]) -> list[TaskFuture]:
        """Return futures of tasks that another session has submitted: of a group, or of these task ids, in order.

        Raises
        ------
        UnknownTask
            When there is no such task, or it is somebody else's.

        """
        found = self._of_group(which) if isinstance(which, str) else self._of_ids(list(which))
        reloaded = []
        for standing in found:
            future = TaskFuture(self._board, task_id=standing.id)
            self._board.expect(future, standing.id)
            reloaded.append(future)
        groups = list(dict.fromkeys(standing.group for standing in found))
        for some in _chunks(groups, MAX_GROUPS):
            self._follow(some)
        return reloaded

    # -------------------------------------------------------------------------------------------- the end
    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls. With ``wait``, return when all futures are done; with ``cancel_futures``, cancel them.

        Without ``wait`` calls that were not sent yet are still sent, and their tasks go on.
        """
        self._board.close()
        if cancel_futures:
            for future in self._board.pending():
                future.cancel()
        if wait:
            self._board.wait_until_done()
        else:
            self._board.wait_until_sent(_FLUSH_SECONDS)
        _left_open.pop(self.group, None)
        with self._lock:
            receivers, self._receivers = (self._receivers, []) if wait else ([], self._receivers)
        for receiver in receivers:
            receiver.stop()
        if wait and self._own_client:
            self._client.close()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Wait for all futures; when the program was interrupted, say how to find them again instead."""
        try:
            self.shutdown(wait=kind is None or not issubclass(kind, KeyboardInterrupt))
        except KeyboardInterrupt:
            _say_goodbye(self.group, self._board)
            raise
        if kind is not None and issubclass(kind, KeyboardInterrupt):
            _say_goodbye(self.group, self._board)

    # -------------------------------------------------------------------------------------------- inside
    def _encoded(self, ref: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bytes:
        call = {"function": ref, "endpoint": self._endpoint, "args": args, "kwargs": kwargs}
        encoded = json_bytes(call, "The arguments", field="args")
        if len(encoded) > MAX_PAYLOAD + _AROUND:
            raise too_large(len(encoded))
        return encoded

    def _start(self) -> None:
        with self._lock:
            if self._sender is not None:
                return
            what = (self._board, self._client.wire, self.group, self._batch_size, self._patience)
            self._sender = threading.Thread(target=send_all, args=what, name="openbeam-sender", daemon=True)
            self._sender.start()
        self._follow([self.group])

    def _follow(self, groups: Iterable[str]) -> None:
        receiver = Receiver(self._board, self._client.wire, list(groups), self._patience)
        with self._lock:
            self._receivers.append(receiver)
        receiver.start()

    def _stop_task(self, task_id: str) -> bool:
        return self._client.cancel(task_id).state is TaskState.cancelled

    def _of_group(self, group: str) -> list[TaskStanding]:
        found: list[TaskStanding] = []
        while some := self._client.task_states(group=group, first=found[-1].number + 1 if found else 0):
            found += some
        if not found:
            raise UnknownTask(f"There are no tasks of a group {group!r}.", name=group, nearest=[])
        return found

    def _of_ids(self, ids: list[str]) -> list[TaskStanding]:
        known = {}
        for some in _chunks(ids, MAX_BATCH):
            known.update({standing.id: standing for standing in self._client.task_states(some)})
        for task_id in ids:
            if task_id not in known:
                raise UnknownTask.among(task_id, [])
        return [known[task_id] for task_id in ids]


def _chunks(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    source = iter(items)
    while chunk := list(itertools.islice(source, size)):
        yield chunk


# ------------------------------------------------------------------------------------------------ when the program ends
_left_open: weakref.WeakValueDictionary[str, Board] = weakref.WeakValueDictionary()


def _say_goodbye(group: str, board: Board) -> None:
    pending = board.pending()
    left = [future.sent_as for future in pending if future.sent_as]
    if left:
        sys.stderr.write(
            f"openbeam: {len(left):,} {'task goes' if len(left) == 1 else 'tasks go'} on without this program "
            f"(the first one is {left[0]}).\nFind them again: openbeam.Executor().reload_tasks({group!r})\n"
        )
    if lost := len(pending) - len(left):
        sys.stderr.write(f"openbeam: {lost:,} calls were not sent.\n")


@atexit.register
def _leave() -> None:
    """Send what waits, and say how to find the results; the threads end with the program."""
    for group, board in list(_left_open.items()):
        board.close()
        board.wait_until_sent(_FLUSH_SECONDS)
        _say_goodbye(group, board)
