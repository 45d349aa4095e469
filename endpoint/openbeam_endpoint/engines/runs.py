"""Tasks that an engine has taken and not answered, and what their times say of its health."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from openbeam.errors import EngineFault, ResultRefused, TaskError, TimedOut, to_json
from openbeam.models import MAX_RESULT, OutputFile, Printed, TaskProblem

from openbeam_endpoint.sandbox.heads import Done

__all__ = ["EngineReply", "Run", "Runs", "problem", "reply"]

log = structlog.get_logger()

_STANDSTILL: Final = 5.0
"""Seconds that a task may wait while a worker is free."""
_GRACE: Final = 10.0
"""Seconds over a task's limit before the engine counts as unable to stop it."""


@dataclass(frozen=True)
class EngineReply:
    """The end of a task: the result's bytes, unopened, or a problem."""

    body: bytes | None
    problem: TaskProblem | None
    worker: str = ""
    """Where it ran, once it ran: told apart from every other worker and engine of this endpoint."""
    printed: Printed | None = None
    outputs: tuple[OutputFile, ...] = ()
    """Files that it wrote, once they are in their place."""


@dataclass
class Run:
    """A task that an engine has taken."""

    task_id: str
    timeout: float
    on_done: Callable[[EngineReply], None]
    on_running: Callable[[], None] | None
    started: float | None = None

    def start(self) -> None:
        """Tell that a worker has begun, once."""
        if self.started is None:
            self.started = time.monotonic()
            if self.on_running is not None:
                self._tell(self.on_running)

    def answer(self, reply: EngineReply) -> None:
        """Tell how it ended."""
        self._tell(lambda: self.on_done(reply))

    def _tell(self, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:
            # The thread that listens has others to serve.
            log.exception("a callback failed", task=self.task_id)


class Runs:
    """The open tasks of one engine with so many workers, by number. May be used from any thread."""

    def __init__(self, workers: int, *, standstill: float = 0, grace: float = 0) -> None:
        self._workers = workers
        self._standstill = standstill or _STANDSTILL
        self._grace = grace or _GRACE
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._runs: dict[str, Run] = {}
        self._progress = 0.0
        self._stalled = 0.0
        self._ended = False
        self.is_open = False
        """Whether more are taken."""

    def __len__(self) -> int:
        return len(self._runs)

    def open(self) -> None:
        """Take tasks from now on, unless all was ended before."""
        with self._lock:
            self._progress = time.monotonic()
            self.is_open = not self._ended

    def close(self) -> None:
        """Take no more; what was taken goes on."""
        with self._lock:
            self.is_open = False

    def idle_seconds(self) -> float:
        """Return for how long nothing was open and nothing came."""
        return 0.0 if self._runs else time.monotonic() - self._progress

    def take(self, run: Run) -> str | None:
        """Return the number of a task; None when no more are taken."""
        number = str(next(self._numbers))
        with self._lock:
            if not self.is_open:
                return None
            self._runs[number] = run
        return number

    def start(self, number: str) -> None:
        """Note that a worker has begun with a task. It may be told twice, or not know the task any more."""
        self._note_progress()
        if run := self._runs.get(number):
            run.start()

    def settle(self, number: str, reply: EngineReply) -> None:
        """Answer a task, unless it was answered before."""
        self._note_progress()
        with self._lock:
            run = self._runs.pop(number, None)
        if run is not None:
            run.answer(reply)

    def named(self, task_id: str) -> list[str]:
        """Return the numbers of the open runs of a task."""
        with self._lock:
            return [number for number, run in self._runs.items() if run.task_id == task_id]

    def end(self) -> list[Run]:
        """Take no more, for good; return what was open."""
        with self._lock:
            self._ended, self.is_open = True, False
            runs, self._runs = list(self._runs.values()), {}
        return runs

    def _note_progress(self) -> None:
        self._progress, self._stalled = time.monotonic(), 0.0

    def check(self, passed: float) -> None:
        """Say whether the engine starts its tasks, and stops them at their limit.

        ``passed`` are the seconds since it was asked last.

        Raises
        ------
        EngineFault
            When it does not.

        """
        now = time.monotonic()
        with self._lock:
            runs = dict(self._runs)
        waiting = [run for run in runs.values() if run.started is None]
        stuck = waiting and len(runs) - len(waiting) < self._workers
        self._stalled = self._stalled + passed if stuck else 0.0
        if self._stalled > self._standstill:
            raise EngineFault("The engine starts no tasks any more.")
        for number, run in runs.items():
            if run.started is not None and now > run.started + run.timeout + self._grace:
                late = TimedOut(f"The task was stopped at its limit of {run.timeout:g} seconds.", seconds=run.timeout)
                self.settle(number, EngineReply(None, problem(late)))
                raise EngineFault("The engine could not stop a task at its limit.")


def reply(done: Done, body: bytes, mark: str) -> EngineReply:
    """Return what an engine's last word on a task is to the agent. ``mark`` names the engine."""
    worker = f"{done.worker} of {mark}" if done.worker else ""
    if done.problem is not None:
        return EngineReply(None, done.problem, worker, done.printed)
    if not 0 < len(body) <= MAX_RESULT:
        refused = ResultRefused(f"The result has {len(body):,} bytes.", size=len(body), limit=MAX_RESULT)
        return EngineReply(None, problem(refused), worker, done.printed)
    return EngineReply(body, None, worker, done.printed)


def problem(error: TaskError, *, retry: bool = False) -> TaskProblem:
    """Return the problem that an error is."""
    return TaskProblem(**to_json(error), retry=retry)
