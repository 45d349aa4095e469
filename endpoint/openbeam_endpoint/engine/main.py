"""The engine's first process: between the agent's socket and Parsl's workers.

Starts the zygote, then Parsl, says ``ready``, and from then on hands a task to a worker whenever one is free. One
thread, one loop. When the agent hangs up, or a process that all of the engine needs has died, it ends: a pool that lost
a process may look well and hang, and another engine is ready. When a worker has died, it takes no more tasks, and what
the other workers have may end.
"""

from __future__ import annotations

import os
import resource
import selectors
import signal
import socket
import sys
import time
import traceback
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from importlib import import_module
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, NoReturn

from openbeam.errors import EngineFault, TaskCancelled, WorkerKilled

from openbeam_endpoint import wire
from openbeam_endpoint.engine import kernel, program
from openbeam_endpoint.engine.hatch import hatch
from openbeam_endpoint.engine.news import News
from openbeam_endpoint.engine.pool import WORKER, Pool, Workers
from openbeam_endpoint.engine.problems import answer, fault, problem_of
from openbeam_endpoint.sandbox.settings import Settings

__all__ = ["main"]

_READ: Final = 256 * 1024
_BEAT: Final = 1.0
_MOST_FILES: Final = 4096
_OPEN: Final = Path("/dev/fd")
_WORN: Final = "The engine lost a worker."


class Dispatcher:
    """Tasks that wait, tasks that run, and everything that may happen to them."""

    _control: socket.socket
    _pool: Workers

    def __init__(self, settings: Settings, link: socket.socket) -> None:
        self._settings = settings
        self._link = link
        self._decoder = wire.Decoder()
        self._told = wire.Decoder()
        self._waiting: deque[tuple[str, bytes]] = deque()
        self._running: set[str] = set()
        self._at: dict[str, int] = {}
        """The process ids of the workers that tasks have reached."""
        self._is_worn = False
        self._cancelled: set[str] = set()
        self._vain = ""
        self._close: Callable[[], None] = lambda: None
        self._later: SimpleQueue[Callable[[], None]] = SimpleQueue()
        self._wake, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()

    def start(self) -> None:
        """Bring up zygote and workers, and tell the agent."""
        began = time.monotonic()
        if self._settings.site is None:
            self._start_here()
        else:
            self._start_elsewhere(self._settings.site)
        workers = time.monotonic() - began
        if self._settings.site is None and wire.receive(self._control) is None:
            raise ConnectionError("the zygote ended")
        for pid, name in self._pool.processes().items():
            ended = os.pidfd_open(pid)
            self._watch(ended, partial(self._lose, pid, name, ended))
        self._send({"op": "ready", "pool": workers, "zygote": time.monotonic() - began})

    def _start_here(self) -> None:
        address = self._settings.scratch / "zygote.sock"
        self._control, zygote = hatch(self._settings, address, self._link)
        pool = self._pool = Pool(self._settings, zygote, address)
        pool.start()

    def _start_elsewhere(self, site: Path) -> None:
        with suppress(ImportError):
            # Whatever provider it is, Parsl's own or another: it may be one of Kubernetes.
            import_module("kubernetes")
        import_module(program.LEAN)
        from openbeam_endpoint.engine.blocks import Blocks

        pool = self._pool = Blocks(self._settings, site, partial(self._call_later, self._hear_blocks))
        self._close = pool.close
        self._control = pool.start()

    def loop(self) -> None:
        """Serve until the agent hangs up."""
        self._watch(self._link, self._read_link)
        self._watch(self._control, self._read_control)
        self._watch(self._wake, self._read_later)
        beat = 0.0
        while True:
            for key, _ in self._selector.select(_BEAT):
                key.data()
            if time.monotonic() > beat + _BEAT:
                beat = time.monotonic()
                self._send({"op": "beat"})
                self._count_processes()

    def _watch(self, source: socket.socket | int, react: Callable[[], None]) -> None:
        self._selector.register(source, selectors.EVENT_READ, react)

    def _send(self, head: dict[str, Any], body: bytes = b"") -> None:
        self._link.sendall(wire.encode(head, body))

    def _read_link(self) -> None:
        data = self._link.recv(_READ)
        if not data:
            self._end()
        for head, body in self._decoder.feed(data):
            if head["op"] == "run" and self._is_worn:
                self._refuse(head["task"])
            elif head["op"] == "run":
                self._waiting.append((head["task"], wire.encode(head, body)))
            else:
                self._cancel(head["task"])
        self._hand_out()

    def _hand_out(self) -> None:
        while self._vain and self._waiting:
            task, _ = self._waiting.popleft()
            self._send({**answer(problem_of(EngineFault(self._vain))), "task": task})
        while self._waiting and len(self._running) < self._pool.room:
            task, frame = self._waiting.popleft()
            self._running.add(task)
            future = self._pool.submit(frame)
            future.add_done_callback(partial(self._call_later, self._take, task))
        self._pool.waits(len(self._waiting))

    def _call_later(self, call: Callable[..., None], *arguments: Any) -> None:
        # In Parsl's threads: everything else happens in the loop's.
        self._later.put(partial(call, *arguments))
        self._waker.send(b"x")

    def _read_later(self) -> None:
        self._wake.recv(_READ)
        while not self._later.empty():
            self._later.get()()

    def _hear_blocks(self, news: News) -> None:
        """Tell the agent how the blocks are; when it is in vain to wait for any, tasks end with the reason."""
        self._send({"op": "blocks", **news._asdict()})
        self._vain = news.trouble if news.gave_up else ""
        self._hand_out()

    def _take(self, task: str, future: Future[bytes]) -> None:
        # Unless its worker was seen to die.
        if task in self._running:
            self._finish(task, *_outcome(future))

    def _finish(self, task: str, head: dict[str, Any], body: bytes = b"") -> None:
        self._running.remove(task)
        self._at.pop(task, None)
        self._hand_out()
        if task in self._cancelled:
            self._cancelled.discard(task)
            head, body = answer(problem_of(TaskCancelled("The task was cancelled."))), b""
        self._send({**head, "task": task}, body)

    def _cancel(self, task: str) -> None:
        waiting = next((item for item in self._waiting if item[0] == task), None)
        if waiting is not None:
            self._waiting.remove(waiting)
            self._pool.waits(len(self._waiting))
            self._send({**answer(problem_of(TaskCancelled("The task was cancelled."))), "task": task})
        elif task in self._running:
            self._cancelled.add(task)
            self._control.sendall(wire.encode({"op": "cancel", "task": task}))

    def _read_control(self) -> None:
        data = self._control.recv(_READ)
        if not data:
            self.give_up("The engine lost its zygote.")
        for head, _ in self._told.feed(data):
            if head["task"] in self._running:
                self._at[head["task"]] = head["worker"]
            self._send({"op": "running", "task": head["task"]})

    def _lose(self, pid: int, name: str, ended: int) -> None:
        self._selector.unregister(ended)
        os.close(ended)
        if name != WORKER:
            self.give_up(f"The engine lost its {name}.")
        # Parsl would start another; but this one may have died with a lock that the others need.
        self._is_worn = True
        self._send({"op": "worn", "message": _WORN})
        while self._waiting:
            self._refuse(self._waiting.popleft()[0])
        for task in [task for task, worker in self._at.items() if worker == pid]:
            self._finish(task, *_lost("The task's worker was lost.", pid))

    def _refuse(self, task: str) -> None:
        self._send({**answer(fault(_WORN)), "task": task})

    def give_up(self, message: str) -> NoReturn:
        """Tell the agent why, and end."""
        with suppress(OSError):
            self._link.sendall(wire.encode({"op": "fault", "message": message}))
        self._end()

    def _end(self) -> NoReturn:
        # Nothing in here is worth an orderly end, and an orderly end could hang. Blocks are somewhere else.
        with suppress(Exception):
            self._close()
        os._exit(0)

    def _count_processes(self) -> None:
        most = self._settings.crowd
        if most and sum(entry.name.isdigit() for entry in Path("/proc").iterdir()) > most:
            self.give_up(f"A function started more than {most} processes.")


def _outcome(future: Future[bytes]) -> wire.Frame:
    error = future.exception()
    if error is not None:
        # Parsl's WorkerLost and ManagerLost, mostly.
        return _lost(f"The task's worker was lost: {error}", getattr(error, "worker_id", ""))
    for frame in wire.Decoder().feed(future.result()):
        return frame
    return answer(fault("A worker gave half an answer.")), b""


def _lost(message: str, worker: int | str) -> wire.Frame:
    problem = problem_of(WorkerKilled(message, signal=None), retry=True)
    return {**answer(problem), "worker": f"worker {worker}".strip()}, b""


def _link(address: Path) -> socket.socket:
    """Return the connection to the agent: one that is open already, or a new one."""
    if address.parent == _OPEN:
        link = socket.socket(fileno=int(address.name))
        link.set_inheritable(False)
        return link
    link = socket.socket(socket.AF_UNIX)
    link.connect(str(address))
    return link


def main() -> None:
    """Run an engine."""
    settings = Settings.parse(sys.argv[1:])
    kernel.die_with_parent(os.getppid())
    kernel.adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(_MOST_FILES, hard), hard))
    # Asked for now: once the engine is connected, the agent takes the names of its sockets away.
    os.set_inheritable(settings.way_out, False)
    with _link(settings.socket) as link:
        dispatcher = Dispatcher(settings, link)
        try:
            dispatcher.start()
        except Exception as error:  # noqa: BLE001 - whatever it is, the agent should hear of it
            dispatcher.give_up(f"The engine could not start: {type(error).__name__}: {error}")
        try:
            dispatcher.loop()
        except OSError:
            # The agent has hung up in the middle of a word.
            dispatcher.give_up("The agent has gone.")
        finally:
            traceback.print_exc()
            os._exit(1)


if __name__ == "__main__":
    main()
