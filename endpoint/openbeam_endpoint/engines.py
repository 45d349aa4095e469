"""The agent's handle on an engine: tasks in, answers out, and an engine that fails is noticed and cleared away.

Nothing that comes from the sandbox is opened here but frame heads, and those are checked. An engine answers every task
it took exactly once, even when it dies.
"""

from __future__ import annotations

import hashlib
import itertools
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import distributions
from pathlib import Path
from typing import Final

import structlog
from openbeam.errors import EngineFault, ResultRefused, TaskError, TimedOut, to_json
from openbeam.models import MAX_RESULT, Isolation, Printed, TaskProblem

from openbeam_endpoint import wire
from openbeam_endpoint.sandbox.choose import LAUNCHERS, choose_isolation
from openbeam_endpoint.sandbox.heads import Beat, Done, Fault, Head, Ready, Running, parse
from openbeam_endpoint.sandbox.launch import SOCKET_NAME, Order, Sandbox, short_folder

__all__ = ["Engine", "EngineReply", "choose_isolation", "environment_digest", "environment_packages"]

log = structlog.get_logger()

_READ: Final = 256 * 1024
_LOOK: Final = 0.5
_SILENCE: Final = 15.0
"""Seconds without a beat before an engine counts as dead."""
_STANDSTILL: Final = 20.0
"""Seconds that a task may wait while a worker is free."""
_GRACE: Final = 10.0
"""Seconds over a task's limit before the engine counts as unable to stop it."""
_SEND_SECONDS: Final = 10.0
_LONGEST_PACKAGE: Final = 120


@dataclass(frozen=True)
class EngineReply:
    """The end of a task: the result's bytes, unopened, or a problem."""

    body: bytes | None
    problem: TaskProblem | None
    worker: str = ""
    """Where it ran, once it ran: told apart from every other worker and engine of this endpoint."""
    printed: Printed | None = None


@dataclass
class _Run:
    """A task that the engine has taken."""

    task_id: str
    timeout: float
    on_done: Callable[[EngineReply], None]
    on_running: Callable[[], None] | None
    taken: float = field(default_factory=time.monotonic)
    started: float | None = None


class Engine:
    """One sandbox with workers that stay warm. All methods may be called from any thread.

    Callbacks come from the engine's own thread (or, when the engine is gone, from the caller's): they must be short.
    """

    def __init__(
        self, *, name: str, data: Path, workers: int, isolation: Isolation, scratch: Path | None = None
    ) -> None:
        self.name = name
        self.mark = f"engine {secrets.token_hex(3)}"
        """Tells this engine from others of the same name, before and after it."""
        self.workers = workers
        self.isolation = isolation
        self._data = data.resolve()
        self._scratch = scratch
        self._lock = threading.Lock()
        self._sending = threading.Lock()
        self._runs: dict[str, _Run] = {}
        self._numbers = itertools.count(1)
        self._sandbox: Sandbox | None = None
        self._sockets: Path | None = None
        self._link: socket.socket | None = None
        self._thread: threading.Thread | None = None
        self._healthy = False
        self._closed = False
        self._beat = self._progress = 0.0

    # ------------------------------------------------------------------------------------------------ life
    @property
    def healthy(self) -> bool:
        """Whether it takes tasks. It never becomes healthy again: make a new one."""
        return self._healthy

    @property
    def busy(self) -> int:
        """Tasks that it has taken and not answered."""
        return len(self._runs)

    def start(self, timeout: float = 90) -> None:
        """Launch the sandbox; returns when every worker is warm.

        Raises
        ------
        EngineFault
            When that does not succeed within ``timeout`` seconds. ``details``: ``log``, what the sandbox wrote.

        """
        began = time.monotonic()
        try:
            link, decoder = self._launch(began + timeout)
        except (EngineFault, OSError) as error:
            written = self._sandbox.log() if self._sandbox else ""
            self._end("The engine did not start.")
            self._clear()
            raise EngineFault(f"{error} {_last_line(written)}".strip(), log=written) from error
        self._beat = self._progress = time.monotonic()
        self._healthy = not self._closed
        self._thread = threading.Thread(
            target=self._listen, args=(link, decoder), name=f"engine-{self.name}", daemon=True
        )
        self._thread.start()
        log.info(
            "engine ready",
            engine=self.name,
            workers=self.workers,
            isolation=str(self.isolation),
            seconds=round(time.monotonic() - began, 1),
        )

    def close(self) -> None:
        """End the engine and everything in it; tasks that it had not answered get an ``EngineFault``."""
        self._end("The engine was closed.")
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _launch(self, deadline: float) -> tuple[socket.socket, wire.Decoder]:
        sockets = self._sockets = short_folder(None)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(sockets / SOCKET_NAME))
            listener.listen(1)
            order = Order(name=self.name, workers=self.workers, data=self._data, sockets=sockets, scratch=self._scratch)
            self._sandbox = LAUNCHERS[self.isolation](order)
            link = self._accept(listener, deadline)
        # What is connected needs no name; so nothing stays on disk when the agent is killed.
        shutil.rmtree(sockets, ignore_errors=True)
        decoder = wire.Decoder()
        try:
            self._await_ready(link, decoder, deadline)
        except EngineFault:
            link.close()
            raise
        self._link = link.dup()
        self._link.settimeout(_SEND_SECONDS)
        return link, decoder

    def _accept(self, listener: socket.socket, deadline: float) -> socket.socket:
        listener.settimeout(_LOOK)
        while time.monotonic() < deadline:
            try:
                link, _ = listener.accept()
            except TimeoutError:
                self._check_launched()
            else:
                link.settimeout(_LOOK)
                return link
        raise EngineFault("The engine did not start in time.")

    def _await_ready(self, link: socket.socket, decoder: wire.Decoder, deadline: float) -> None:
        while time.monotonic() < deadline:
            for head, _ in decoder.feed(_read(link)):
                match parse(head):
                    case Ready(pool=pool, zygote=zygote):
                        log.debug("engine warm", engine=self.name, pool=round(pool, 1), zygote=round(zygote, 1))
                        return
                    case Fault(message=message):
                        raise EngineFault(message)
            self._check_launched()
        raise EngineFault("The engine's workers were not ready in time.")

    def _check_launched(self) -> None:
        if self._closed or self._sandbox is None or not self._sandbox.running():
            raise EngineFault("The engine ended while it started.")

    def _end(self, message: str) -> None:
        """Take no more tasks, answer what is open, then clear everything away."""
        with self._lock:
            self._closed, self._healthy = True, False
            runs, self._runs = list(self._runs.values()), {}
        for run in runs:
            where = "" if run.started is None else self.mark
            self._answer(run, EngineReply(None, _problem(EngineFault(message), retry=True), where))
        self._clear()

    def _clear(self) -> None:
        with self._lock:
            link, self._link = self._link, None
            sandbox, self._sandbox = self._sandbox, None
            sockets, self._sockets = self._sockets, None
        if link is not None:
            _hang_up(link)
            with self._sending:
                link.close()
        if sandbox is not None:
            sandbox.close()
        if sockets is not None:
            shutil.rmtree(sockets, ignore_errors=True)

    # ------------------------------------------------------------------------------------------------ tasks
    def submit(
        self,
        task_id: str,
        body: bytes,
        timeout: float,
        on_done: Callable[[EngineReply], None],
        on_running: Callable[[], None] | None = None,
        series: str = "",
    ) -> None:
        """Have a worker run a task of at most ``timeout`` seconds.

        ``on_done`` is called exactly once. With more tasks than workers, they wait here in turn. Tasks of one
        ``series`` may follow each other in one process.
        """
        number = str(next(self._numbers))
        run = _Run(task_id, timeout, on_done, on_running)
        with self._lock:
            taken = self._healthy
            if taken:
                self._runs[number] = run
        if not taken:
            self._answer(run, EngineReply(None, _problem(EngineFault("The engine is gone."), retry=True)))
            return
        try:
            frame = wire.encode({"op": "run", "task": number, "timeout": timeout, "series": series}, body)
        except EngineFault as error:
            self._settle(number, EngineReply(None, _problem(error)))
            return
        self._send(frame)

    def cancel(self, task_id: str) -> None:
        """Stop a task: what runs of it is killed, and its ``on_done`` gets ``TaskCancelled``."""
        with self._lock:
            numbers = [number for number, run in self._runs.items() if run.task_id == task_id]
        for number in numbers:
            self._send(wire.encode({"op": "cancel", "task": number}))

    def _send(self, frame: bytes) -> None:
        with self._sending:
            link = self._link
            if link is None:
                return
            try:
                link.sendall(frame)
            except OSError:
                # Half a frame may be on its way. The listening thread hears of it, and clears up.
                _hang_up(link)

    def _settle(self, number: str, reply: EngineReply) -> None:
        with self._lock:
            run = self._runs.pop(number, None)
        if run is not None:
            self._answer(run, reply)

    def _answer(self, run: _Run, reply: EngineReply) -> None:
        self._tell(run, lambda: run.on_done(reply))

    def _tell(self, run: _Run, callback: Callable[[], None]) -> None:
        try:
            callback()
        except Exception:
            # The listening thread has others to serve.
            log.exception("a callback failed", engine=self.name, task=run.task_id)

    # ------------------------------------------------------------------------------------------------ listening
    def _listen(self, link: socket.socket, decoder: wire.Decoder) -> None:
        reason = "The engine was closed."
        try:
            with link:
                self._serve(link, decoder)
        except EngineFault as error:
            reason = error.message
        finally:
            if not self._closed:
                log.warning("engine failed", engine=self.name, reason=reason, open_tasks=self.busy)
            self._end(reason)

    def _serve(self, link: socket.socket, decoder: wire.Decoder) -> None:
        looked = 0.0
        while not self._closed:
            for head, body in decoder.feed(_read(link)):
                self._hear(parse(head), body)
            if time.monotonic() > looked + _LOOK:
                looked = time.monotonic()
                self._check(looked)

    def _hear(self, head: Head, body: bytes) -> None:
        now = time.monotonic()
        match head:
            case Beat():
                self._beat = now
            case Running(task=number):
                self._note_start(number, now)
            case Done(task=number):
                if head.worker:
                    # Word of its start goes another way inside the engine, and may come after this.
                    self._note_start(number, now)
                self._progress = now
                worker = f"{head.worker} of {self.mark}" if head.worker else ""
                self._settle(number, replace(_reply(head, body), worker=worker, printed=head.printed))
            case Fault(message=message):
                raise EngineFault(message)

    def _note_start(self, number: str, now: float) -> None:
        self._progress = now
        run = self._runs.get(number)
        if run is not None and run.started is None:
            run.started = now
            if run.on_running is not None:
                self._tell(run, run.on_running)

    def _check(self, now: float) -> None:
        """Raise ``EngineFault`` when the engine lives and does not work: from here it is all the same."""
        if now > self._beat + _SILENCE:
            raise EngineFault("The engine gives no sign of life.")
        with self._lock:
            runs = dict(self._runs)
        waiting = [run for run in runs.values() if run.started is None]
        stuck = waiting and len(runs) - len(waiting) < self.workers
        if stuck and now > max(self._progress, min(run.taken for run in waiting)) + _STANDSTILL:
            raise EngineFault("The engine starts no tasks any more.")
        for number, run in runs.items():
            if run.started is not None and now > run.started + run.timeout + _GRACE:
                late = TimedOut(f"The task was stopped at its limit of {run.timeout:g} seconds.", seconds=run.timeout)
                self._settle(number, EngineReply(None, _problem(late)))
                raise EngineFault("The engine could not stop a task at its limit.")


def _read(link: socket.socket) -> bytes:
    """Return what has come, nothing after a while.

    Raises
    ------
    EngineFault
        When nothing will come any more.

    """
    try:
        data = link.recv(_READ)
    except TimeoutError:
        return b""
    except OSError as error:
        raise EngineFault("The engine ended.") from error
    if not data:
        raise EngineFault("The engine ended.")
    return data


def _hang_up(link: socket.socket) -> None:
    with suppress(OSError):
        link.shutdown(socket.SHUT_RDWR)


def _reply(done: Done, body: bytes) -> EngineReply:
    if done.problem is not None:
        return EngineReply(None, done.problem)
    if not 0 < len(body) <= MAX_RESULT:
        refused = ResultRefused(f"The result has {len(body):,} bytes.", size=len(body), limit=MAX_RESULT)
        return EngineReply(None, _problem(refused))
    return EngineReply(body, None)


def _problem(error: TaskError, *, retry: bool = False) -> TaskProblem:
    return TaskProblem(**to_json(error), retry=retry)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else ""


def environment_packages() -> list[str]:
    """Return what is installed here, which is what an engine has: ``name==version``, sorted."""
    return sorted({f"{found.name.lower()}=={found.version}"[:_LONGEST_PACKAGE] for found in distributions()})


def environment_digest() -> str:
    """Return the digest of that."""
    return "local:" + hashlib.sha256("\n".join(environment_packages()).encode()).hexdigest()[:16]
