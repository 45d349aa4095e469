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
from openbeam_endpoint.engine.problems import Problem, answer, fault, problem_of

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
        with theirs:
            socket.send_fds(self._line, [json.dumps({"task": task}).encode()], [theirs.fileno()])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()
        self._line.close()

    def run(self, body: bytes) -> bytes:
        """Return the answer's frame."""
        try:
            self._send(wire.encode({"op": "run"}, body))
            frame = self._receive()
        except TimeoutError:
            self._await_end()
            return self._problem(
                TimedOut(f"The task was stopped at its limit of {self._seconds:g} seconds.", seconds=self._seconds)
            )
        except EngineFault as error:
            # Only the author's code can have written to the child's socket out of turn.
            return self._problem(ResultRefused(f"The function spoiled its result: {error}", **error.details))
        return wire.encode(*frame) if frame else wire.encode(answer(self._autopsy()))

    @staticmethod
    def _problem(error: TimedOut | ResultRefused) -> bytes:
        return wire.encode(answer(problem_of(error)))

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
        while True:
            ready, _, _ = select.select([self._wire, self._line], [], [], max(self._end - time.monotonic(), 0))
            if not ready:
                raise TimeoutError
            ended = self._line in ready
            # All that the child wrote is here before the zygote can say that it ended.
            while data := self._read():
                for frame in decoder.feed(data):
                    return frame
            if not ended and data is not None:
                # It has closed its socket: nothing will come any more but word of its end.
                ended = bool(select.select([self._line], [], [], max(self._end - time.monotonic(), 0))[0])
                if not ended:
                    raise TimeoutError
            if ended:
                return None

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
