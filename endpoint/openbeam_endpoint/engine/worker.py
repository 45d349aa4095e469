"""What a Parsl worker does with a task: asks the zygote for a child, waits with the task's timeout, hands bytes back.

A child that did a task of a series may stay for the next one: then nobody forks.

Kept thin (a worker stays for the engine's life, and there are as many as cores) and closed to the author's code.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from openbeam.errors import CpuUsedUp, EngineFault, ResultRefused, TimedOut, WorkerKilled

from openbeam_endpoint import wire
from openbeam_endpoint.engine.output import Printed, add_to
from openbeam_endpoint.engine.problems import Problem, answer, fault, problem_of
from openbeam_endpoint.engine.program import ZYGOTE
from openbeam_endpoint.sandbox.settings import OUTPUT_TAIL

__all__ = ["WENT", "meet", "run"]

WENT: Final = 75
"""Exit status of a child that stayed for a next task, and went when none came."""

_READ: Final = 256 * 1024
_LOOK: Final = 0.02
_GRACE: Final = 5.0
_LONGEST_STATUS: Final = 4096


def run(task: bytes) -> bytes:
    """Return the frame that answers a ``run`` frame. Called by Parsl in a worker process."""
    for head, body in wire.Decoder().feed(task):
        errand = _Errand(str(head["task"]), float(head["timeout"]), str(head.get("series", "")), head.get("outputs"))
        try:
            return errand.run(os.environ[ZYGOTE], body)
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


class _Child:
    """A child of the zygote: ``line`` to the zygote, ``wire`` to the child. Closing it kills the child."""

    def __init__(self, zygote: str, task: str, seconds: float) -> None:
        self.is_new = True
        self.line = socket.socket(socket.AF_UNIX)
        self.line.connect(zygote)
        self.wire, theirs = socket.socketpair()
        self.printed = Printed()
        with theirs:
            given = [theirs.fileno(), *self.printed.sinks]
            socket.send_fds(self.line, [_request(task, seconds)], given)
        self.printed.hand_over()

    def goes_on(self, task: str, seconds: float) -> bool:
        """Have the child, which stayed, named another task's; False when it went meanwhile, or the task is stopped."""
        self.is_new = False
        self.printed.begin()
        self.line.settimeout(_GRACE)
        try:
            self.line.sendall(_request(task, seconds))
            return "go" in json.loads(self.line.recv(_LONGEST_STATUS) or b"{}")
        except OSError:
            return False
        finally:
            self.line.settimeout(None)

    def close(self) -> None:
        """Hang up."""
        self.wire.close()
        self.line.close()
        self.printed.close()


def _request(task: str, seconds: float) -> bytes:
    return json.dumps({"task": task, "seconds": seconds}).encode()


def _cpu_used_up(seconds: float) -> CpuUsedUp:
    return CpuUsedUp(
        f"The task was stopped: its processes together used {seconds:g} seconds of CPU time, which is its limit. Give "
        "it less to do, start fewer processes and threads, or publish the function with a longer timeout.",
        seconds=seconds,
    )


class _Stayed:
    """The child that stays with this worker for the next task of a series."""

    def __init__(self) -> None:
        self._series = ""
        self._child: _Child | None = None

    def take(self, series: str, task: str, seconds: float) -> _Child | None:
        """Return it, if it stayed for this series and is still there; any other is sent away."""
        child, self._child = self._child, None
        if child is None:
            return None
        if series == self._series and child.goes_on(task, seconds):
            return child
        child.close()
        return None

    def keep(self, series: str, child: _Child) -> None:
        """Let a child stay."""
        self._series, self._child = series, child


_stayed: Final = _Stayed()


class _WentMeanwhile(Exception):
    """The child that stayed left while its next task was on the way."""


class _Errand:
    """One task and the child that does it."""

    def __init__(self, task: str, seconds: float, series: str, outputs: dict[str, Any] | None = None) -> None:
        self._task = task
        self._series = series
        self._outputs = outputs
        self._seconds = seconds
        self._end = time.monotonic() + seconds

    def run(self, zygote: str, body: bytes) -> bytes:
        """Return the answer's frame."""
        child = _stayed.take(self._series, self._task, self._seconds)
        if child is not None:
            with suppress(_WentMeanwhile):
                return self._run_in(child, body)
        return self._run_in(_Child(zygote, self._task, self._seconds), body)

    def _run_in(self, child: _Child, body: bytes) -> bytes:
        self._child, self._wire, self._line, self._printed = child, child.wire, child.line, child.printed
        stays = False
        try:
            head, result = self._outcome(body)
            stays = bool(head.pop("stays", False))
            return self._signed(head, result)
        except EngineFault as error:
            # Only the author's code can have written to the child's socket out of turn.
            spoiled = ResultRefused(f"The function spoiled its result: {error}", **error.details)
            return self._signed(answer(problem_of(spoiled)))
        finally:
            if stays:
                _stayed.keep(self._series, child)
            else:
                child.close()

    def _outcome(self, body: bytes) -> wire.Frame:
        try:
            self._send(wire.encode({"op": "run", "series": self._series, "outputs": self._outputs}, body))
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
        told: dict[str, Any] = json.loads(data) if data else {}
        status = told.get("status")
        if "cpu" in told:
            return problem_of(_cpu_used_up(told["cpu"]))
        if not isinstance(status, int):
            return fault("The engine could not start the task.")
        if status == WENT and not self._child.is_new:
            raise _WentMeanwhile
        if status >= 0:
            return problem_of(WorkerKilled("The function ended its own process.", signal=None, status=status))
        number = -status
        name = signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"
        cause = " It probably ran out of memory." if number == signal.SIGKILL else ""
        # A crash comes again; memory may be there the next time.
        return problem_of(
            WorkerKilled(f"The task was killed ({name}).{cause}", signal=number), retry=number == signal.SIGKILL
        )
