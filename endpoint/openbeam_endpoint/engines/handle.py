"""The agent's handle on an engine: tasks in, answers out, and an engine that fails is noticed and cleared away.

Nothing that comes from the sandbox is opened here but frame heads, and those are checked. An engine answers every task
it took exactly once, even when it dies.
"""

from __future__ import annotations

import math
import secrets
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import structlog
from openbeam.errors import CpuUsedUp, EngineFault, TimedOut
from openbeam.models import Isolation

from openbeam_endpoint.engines import canary
from openbeam_endpoint.engines.launch import Launch
from openbeam_endpoint.engines.line import LOOK, Line
from openbeam_endpoint.engines.runs import EngineReply, Run, Runs, problem, reply
from openbeam_endpoint.providers.settings import Site
from openbeam_endpoint.sandbox.heads import Beat, Blocks, Done, Fault, Head, Running, Worn
from openbeam_endpoint.sandbox.launch import Order
from openbeam_endpoint.stageout.intake import Intake

__all__ = ["Engine"]

log = structlog.get_logger()

_SILENCE: Final = 4.0
"""Seconds without a beat before an engine counts as dead."""
_LONGEST_LOOK: Final = 1.0
_CANARY_SECONDS: Final = 60.0
"""An engine that did nothing for so long is asked for a sign that its workers work."""
_GRACE_ELSEWHERE: Final = 90.0
"""Seconds over a task's limit where it runs elsewhere: a node that is lost is noticed late, and the others work on."""
_FORCED: Final = {TimedOut.__name__, CpuUsedUp.__name__}
_CLOSED: Final = "The engine was closed."


class Engine:
    """One sandbox with workers that stay warm. All methods may be called from any thread.

    Callbacks come from the engine's own thread (or, when the engine is gone, from the caller's): they must be short.
    """

    def __init__(
        self,
        *,
        name: str,
        data: Path,
        workers: int,
        isolation: Isolation,
        scratch: Path | None = None,
        cpu: int | None = None,
        site: Site | None = None,
    ) -> None:
        self.name = name
        self.mark = f"engine {secrets.token_hex(3)}"
        """Tells this engine from others of the same name, before and after it."""
        self.workers = workers
        self.isolation = isolation
        self._site = site
        self.blocks: Blocks | None = None
        """How its blocks are, where tasks run elsewhere."""
        order = partial(Order, name=name, workers=workers, data=data.resolve(), scratch=scratch, cpu=cpu, site=site)
        self._launch = Launch(name, isolation, lambda sockets: order(sockets=sockets))
        self._runs = Runs(workers) if site is None else Runs(workers, standstill=math.inf, grace=_GRACE_ELSEWHERE)
        self._line: Line | None = None
        self._thread: threading.Thread | None = None
        self._closed = False
        self._leaves = ""
        self._sick = ""
        self._canaries = 0
        self._silent = 0.0
        self.worn = False
        """Whether a task had to be stopped by force: it works, and another one is the safer place for what comes."""

    # ------------------------------------------------------------------------------------------------ life
    @property
    def healthy(self) -> bool:
        """Whether it takes tasks. It never becomes healthy again: make a new one."""
        return self._runs.is_open

    @property
    def leaving(self) -> bool:
        """Whether it takes no tasks any more, and goes on with those that it has begun."""
        return bool(self._leaves) and not self._closed

    @property
    def busy(self) -> int:
        """Tasks that it has taken and not answered."""
        return len(self._runs) - self._canaries

    def activity(self) -> str:
        """Return what a task waits for that it has taken, in a few words, where that may take long."""
        if self._site is None:
            return ""
        blocks = self.blocks
        if blocks is None or blocks.workers:
            return f"waiting for a worker of {self._site.title}"
        return blocks.trouble or f"waiting for {self._site.title} to start a block"

    def start(self, timeout: float = 90) -> None:
        """Launch the sandbox; returns when every worker is warm.

        Raises
        ------
        EngineFault
            When that does not succeed within ``timeout`` seconds. ``details``: ``log``, what the sandbox wrote.

        """
        began = time.monotonic()
        try:
            line = self._line = self._launch.connect(timeout)
        except EngineFault:
            self._end("The engine did not start.")
            raise
        self._runs.open()
        self._thread = threading.Thread(target=self._listen, args=(line,), name=f"engine-{self.name}", daemon=True)
        self._thread.start()
        seconds = round(time.monotonic() - began, 1)
        log.info("engine ready", engine=self.name, workers=self.workers, isolation=str(self.isolation), seconds=seconds)

    def close(self) -> None:
        """End the engine and everything in it; tasks that it had not answered get an ``EngineFault``."""
        self._end(_CLOSED)
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _end(self, message: str) -> None:
        """Take no more tasks, answer what is open, then clear everything away."""
        self._closed = True
        for run in self._runs.end():
            where = "" if run.started is None else self.mark
            run.answer(EngineReply(None, problem(EngineFault(message), retry=True), where))
        if self._line is not None:
            self._line.hang_up()
        self._launch.close()

    # ------------------------------------------------------------------------------------------------ tasks
    def submit(
        self,
        task_id: str,
        body: bytes,
        timeout: float,
        on_done: Callable[[EngineReply], None],
        on_running: Callable[[], None] | None = None,
        series: str = "",
        outputs: Intake | None = None,
    ) -> None:
        """Have a worker run a task of at most ``timeout`` seconds.

        ``on_done`` is called exactly once. With more tasks than workers, they wait here in turn. Tasks of one
        ``series`` may follow each other in one process. Files that the task writes go into ``outputs``.
        """
        run = Run(task_id, timeout, on_done, on_running)
        number = self._runs.take(run)
        if number is None or self._line is None:
            run.answer(EngineReply(None, problem(EngineFault("The engine is gone."), retry=True)))
            return
        try:
            head = {"op": "run", "task": number, "timeout": timeout, "series": series}
            self._line.send({**head, "outputs": self._launch.expect(outputs)}, body)
        except EngineFault as error:
            self._runs.settle(number, EngineReply(None, problem(error)))

    def cancel(self, task_id: str) -> None:
        """Stop a task: what runs of it is killed, and its ``on_done`` gets ``TaskCancelled``."""
        if self._line is not None:
            for number in self._runs.named(task_id):
                self._line.send({"op": "cancel", "task": number})

    # ------------------------------------------------------------------------------------------------ listening
    def _listen(self, line: Line) -> None:
        reason = _CLOSED
        try:
            with line:
                self._serve(line)
        except EngineFault as error:
            reason = error.message
        finally:
            if not self._closed:
                log.warning("engine failed", engine=self.name, reason=reason, open_tasks=self.busy)
            self._end(reason)

    def _serve(self, line: Line) -> None:
        looked = time.monotonic()
        while not self._closed:
            for head, body in line.hear():
                self._hear(head, body)
            passed = time.monotonic() - looked
            if passed >= LOOK:
                looked += passed
                # When the whole machine stood still, or only this thread did, the engine is not to blame.
                self._check(min(passed, _LONGEST_LOOK))

    def _hear(self, head: Head, body: bytes) -> None:
        match head:
            case Beat():
                self._silent = 0.0
            case Running(task=number):
                self._runs.start(number)
            case Done(task=number):
                if head.worker:
                    # Word of its start goes another way inside the engine, and may come after this.
                    self._runs.start(number)
                self.worn = self.worn or (head.problem is not None and head.problem.kind in _FORCED)
                self._runs.settle(number, reply(head, body, self.mark))
            case Worn(message=message):
                log.warning("engine takes no more tasks", engine=self.name, reason=message, open_tasks=self.busy)
                self._runs.close()
                self._leaves = message
            case Blocks():
                self.blocks = head
            case Fault(message=message):
                raise EngineFault(message)

    def _check(self, passed: float) -> None:
        """Raise ``EngineFault`` when the engine lives and does not work: from here it is all the same."""
        self._silent += passed
        if self._silent > _SILENCE:
            raise EngineFault("The engine gives no sign of life.")
        if self._sick:
            raise EngineFault(f"The engine does not do what it is asked: {self._sick}")
        if self._leaves and not self._runs:
            raise EngineFault(self._leaves)
        self._runs.check(passed)
        # Elsewhere, workers that nobody needs are given back, and none is asked for only to be asked.
        if self._runs.idle_seconds() > _CANARY_SECONDS and self._site is None:
            self._canaries += 1
            self.submit(canary.NAME, canary.PARCEL, canary.SECONDS, self._take_canary)

    def _take_canary(self, reply: EngineReply) -> None:
        self._canaries -= 1
        self._sick = reply.problem.message if reply.problem else ""
