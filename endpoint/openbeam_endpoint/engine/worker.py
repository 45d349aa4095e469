"""What a Parsl worker does with a task: asks the zygote for a child, waits with the task's timeout, hands bytes back.

Kept thin (a worker stays for the engine's life, and there are as many as cores) and closed to the author's code.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from pathlib import Path
from typing import Any, Final, Self

from openbeam.errors import EngineFault, ResultRefused, TimedOut, WorkerKilled

from openbeam_endpoint import wire
from openbeam_endpoint.engine.output import Printed, add_to
from openbeam_endpoint.engine.problems import Problem, answer, fault, problem_of
from openbeam_endpoint.sandbox.settings import OUTPUT_TAIL

__all__ = ["meet", "run"]

_READ: Final = 256 * 1024
_LOOK: Final = 0.02
_GRACE: Final = 5.0
_LONGEST_STATUS: Final = 4096


def run(task: bytes, zygote: str) -> bytes:
    """Return the frame that answers a ``run`` frame. Called by Parsl in a worker process."""
    for head, body in wire.Decoder().feed(task):
        try:
            with _Errand(zygote, str(head["task"]), float(head["timeout"])) as errand:
                return errand.run(body)
        except OSError as error:
            return wire.encode(answer(fault(f"The engine could not start the task: {error}.")))
    return wire.encode(answer(fault("The engine got half a task.")))


def meet(_: bytes, folder: str, count: int, seconds: float) -> bytes:
    """Return this worker's process id as soon as ``count`` workers are in this function: all of them are up then.

    Raises
    ------
    TimeoutError
        When they did not come in time.

    """
    place = Path(folder)
    (place / str(os.getpid())).touch()
    end = time.monotonic() + seconds
    while len(list(place.iterdir())) < count:
        if time.monotonic() > end:
            raise TimeoutError(f"{len(list(place.iterdir()))} of {count} workers came")
        time.sleep(_LOOK)
    return str(os.getpid()).encode()


class _Errand:
    """One child: ``line`` to the zygote, ``wire`` to the child. Leaving it kills the child if there still is one."""

    def __init__(self, zygote: str, task: str, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(zygote)
        self._wire, theirs = socket.socketpair()
        self._printed = Printed()
        with theirs:
            given = [theirs.fileno(), *self._printed.sinks]
            socket.send_fds(self._line, [json.dumps({"task": task}).encode()], given)
        self._printed.hand_over()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()
        self._line.close()
        self._printed.close()

    def run(self, body: bytes) -> bytes:
        """Return the answer's frame."""
        try:
            return self._signed(*self._outcome(body))
        except EngineFault as error:
            # Only the author's code can have written to the child's socket out of turn.
            spoiled = ResultRefused(f"The function spoiled its result: {error}", **error.details)
            return self._signed(answer(problem_of(spoiled)))

    def _outcome(self, body: bytes) -> wire.Frame:
        try:
            self._send(wire.encode({"op": "run"}, body))
            frame = self._receive()
        except TimeoutError:
            self._await_end()
            late = TimedOut(
                f"The task was stopped at its limit of {self._seconds:g} seconds. Give it less to do, or publish the "
                "function with a longer timeout.",
                seconds=self._seconds,
            )
            frame = answer(problem_of(late)), b""
        return frame or (answer(self._autopsy()), b"")

    def _signed(self, head: dict[str, Any], body: bytes = b"") -> bytes:
        """Return an answer's frame that says which worker it is from, and what was printed."""
        self._printed.finish()
        return wire.encode({**add_to(head, self._printed, OUTPUT_TAIL), "worker": f"worker {os.getpid()}"}, body)

    def _send(self, frame: bytes) -> None:
        self._wire.settimeout(max(self._end - time.monotonic(), 0.001))
        try:
            self._wire.sendall(frame)
        except (BrokenPipeError, ConnectionResetError):
            # The child has ended; how, the zygote says.
            return

    def _receive(self) -> wire.Frame | None:
        """Return the child's frame, or None when it ended without one."""
        decoder = wire.Decoder()
        self._wire.setblocking(False)
        sources: list[Any] = [self._wire, self._line]
        # Looked at each time: a task that prints without end always has something to read.
        while (left := self._end - time.monotonic()) > 0:
            ready, _, _ = select.select([*sources, *self._printed.sources], [], [], left)
            self._printed.take(ready)
            # All that the child wrote is here before the zygote can say that it ended.
            while data := self._read():
                for frame in decoder.feed(data):
                    return frame
            if self._line in ready:
                return None
            if data is not None and self._wire in sources:
                # It has closed its socket: nothing will come any more but word of its end.
                sources.remove(self._wire)
        raise TimeoutError

    def _read(self) -> bytes | None:
        try:
            return self._wire.recv(_READ)
        except BlockingIOError:
            return None
        except ConnectionResetError:
            return b""

    def _await_end(self) -> None:
        """Have the child killed, and wait until its memory is free again."""
        self._line.shutdown(socket.SHUT_WR)
        select.select([self._line], [], [], _GRACE)

    def _autopsy(self) -> Problem:
        data = self._line.recv(_LONGEST_STATUS)
        status: Any = json.loads(data)["status"] if data else None
        if not isinstance(status, int):
            return fault("The engine could not start the task.")
        if status >= 0:
            return problem_of(WorkerKilled("The function ended its own process.", signal=None, status=status))
        number = -status
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        cause = " It probably ran out of memory." if number == signal.SIGKILL else ""
        # A crash comes again; memory may be there the next time.
        return problem_of(
            WorkerKilled(f"The task was killed ({name}).{cause}", signal=number), retry=number == signal.SIGKILL
        )
