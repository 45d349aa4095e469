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
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, NoReturn

from openbeam.errors import TaskCancelled, WorkerKilled

from openbeam_endpoint import wire
from openbeam_endpoint.engine import kernel
from openbeam_endpoint.engine.pool import WORKER, Pool
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
        self._ended: SimpleQueue[tuple[str, Future[bytes]]] = SimpleQueue()
        self._wake, self._waker = socket.socketpair()
        self._selector = selectors.DefaultSelector()

    def start(self) -> None:
        """Bring up zygote and workers, and tell the agent."""
        began = time.monotonic()
        address = self._settings.scratch / "zygote.sock"
        self._control, self._zygote = _fork_zygote(self._settings, address, self._link)
        self._pool = Pool(self._settings, address)
        self._pool.start()
        workers = time.monotonic() - began
        if wire.receive(self._control) is None:
            raise ConnectionError("the zygote ended")
        for pid, name in self._pool.processes(self._zygote).items():
            ended = os.pidfd_open(pid)
            self._watch(ended, partial(self._lose, pid, name, ended))
        self._send({"op": "ready", "pool": workers, "zygote": time.monotonic() - began})

    def loop(self) -> None:
        """Serve until the agent hangs up."""
        self._watch(self._link, self._read_link)
        self._watch(self._control, self._read_control)
        self._watch(self._wake, self._read_ended)
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
            _end()
        for head, body in self._decoder.feed(data):
            if head["op"] == "run" and self._is_worn:
                self._refuse(head["task"])
            elif head["op"] == "run":
                self._waiting.append((head["task"], wire.encode(head, body)))
            else:
                self._cancel(head["task"])
        self._hand_out()

    def _hand_out(self) -> None:
        while self._waiting and len(self._running) < self._settings.workers:
            task, frame = self._waiting.popleft()
            self._running.add(task)
            future = self._pool.submit(frame)
            future.add_done_callback(partial(self._note_ended, task))

    def _note_ended(self, task: str, future: Future[bytes]) -> None:
        # In Parsl's thread: everything else happens in the loop's.
        self._ended.put((task, future))
        self._waker.send(b"x")

    def _read_ended(self) -> None:
        self._wake.recv(_READ)
        while not self._ended.empty():
            task, future = self._ended.get()
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
            self._send({**answer(problem_of(TaskCancelled("The task was cancelled."))), "task": task})
        elif task in self._running:
            self._cancelled.add(task)
            self._control.sendall(wire.encode({"op": "cancel", "task": task}))

    def _read_control(self) -> None:
        data = self._control.recv(_READ)
        if not data:
            _give_up(self._link, "The engine lost its zygote.")
        for head, _ in self._told.feed(data):
            if head["task"] in self._running:
                self._at[head["task"]] = head["worker"]
            self._send({"op": "running", "task": head["task"]})

    def _lose(self, pid: int, name: str, ended: int) -> None:
        self._selector.unregister(ended)
        os.close(ended)
        if name != WORKER:
            _give_up(self._link, f"The engine lost its {name}.")
        # Parsl would start another; but this one may have died with a lock that the others need.
        self._is_worn = True
        self._send({"op": "worn", "message": _WORN})
        while self._waiting:
            self._refuse(self._waiting.popleft()[0])
        for task in [task for task, worker in self._at.items() if worker == pid]:
            self._finish(task, *_lost("The task's worker was lost.", pid))

    def _refuse(self, task: str) -> None:
        self._send({**answer(fault(_WORN)), "task": task})

    def _count_processes(self) -> None:
        most = self._settings.crowd
        if most and sum(entry.name.isdigit() for entry in Path("/proc").iterdir()) > most:
            _give_up(self._link, f"A function started more than {most} processes.")


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


def _fork_zygote(settings: Settings, address: Path, link: socket.socket) -> tuple[socket.socket, int]:
    ours, theirs = socket.socketpair()
    main = os.getpid()
    pid = os.fork()
    if pid == 0:
        with suppress(KeyboardInterrupt):
            link.close()
            ours.close()
            kernel.die_with_parent(main)
            from openbeam_endpoint.engine import zygote

            try:
                zygote.run(settings, theirs, address)
            except Exception as error:  # noqa: BLE001 - the log is all there is to tell it to
                print("zygote:", type(error).__name__, error, file=sys.stderr, flush=True)  # noqa: T201
        os._exit(1)
    theirs.close()
    return ours, pid


def _give_up(link: socket.socket, message: str) -> NoReturn:
    with suppress(OSError):
        link.sendall(wire.encode({"op": "fault", "message": message}))
    _end()


def _end() -> NoReturn:
    # Nothing in here is worth an orderly end, and an orderly end could hang.
    os._exit(0)


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
            _give_up(link, f"The engine could not start: {type(error).__name__}: {error}")
        try:
            dispatcher.loop()
        except OSError:
            # The agent has hung up in the middle of a word.
            _end()
        finally:
            traceback.print_exc()
            os._exit(1)


if __name__ == "__main__":
    main()
