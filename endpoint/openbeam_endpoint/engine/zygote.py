"""The zygote: a process that has everything imported, and forks itself once for each task.

A worker connects, sends ``{"task", "seconds"}`` with the socket that the child shall talk through and the pipes that it
shall print to, and listens. It hears ``{"status"}`` (as ``subprocess`` counts it: negative for a signal) when the child
has ended. A worker whose child stays for the next task of a series says ``{"task", "seconds"}`` on the same line, and
hears ``{"go"}``. When the worker hangs up, or the engine cancels the task, the child is killed, and with it whatever it
left behind; so it is when its processes together have used more CPU time than the task may, and then the worker hears
``{"status", "cpu"}``. One child is always forked ahead, so that the next task need not wait for a fork.

One thread, one loop: a fork copies no lock that another thread holds.
"""

from __future__ import annotations

import gc
import json
import os
import select
import shutil
import signal
import socket
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from openbeam_endpoint import wire
from openbeam_endpoint.engine import kernel
from openbeam_endpoint.engine.child import live
from openbeam_endpoint.engine.preload import warm
from openbeam_endpoint.sandbox.settings import Settings

__all__ = ["run"]

_LONGEST_REQUEST: Final = 4096
_GIVEN: Final = 3
_MOST_SWEEPS: Final = 50
_CANCELLED_KEPT: Final = 1024
_READ: Final = 64 * 1024
_LOOK: Final = 0.5
_CPU_GRACE: Final = 1.0
"""CPU seconds over the limit, so that a task with one thread ends at its time limit and not just before."""


@dataclass(eq=False)
class _Child:
    """A child. ``ended`` becomes readable when it has; ``line`` is the connection of the worker whose task it has."""

    pid: int
    ended: int
    leash: socket.socket
    home: Path
    task: str = ""
    line: socket.socket | None = None
    cpu_limit: float = 0.0
    cpu_before: float = 0.0
    """What tasks before this one have used."""
    is_over: bool = False


def run(settings: Settings, control: socket.socket, address: Path) -> None:
    """Be the zygote until the engine goes away: import, warm up, say ``up``, and fork."""
    warm(settings.scratch)
    kernel.adopt_orphans()
    gc.collect()
    # Frozen objects are not touched by a child's collector, so their memory stays shared.
    gc.freeze()
    kernel.give_back_memory()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen(settings.workers + 1)
        control.sendall(wire.encode({"op": "up"}))
        _Zygote(settings, control, listener).loop()


class _Zygote:
    def __init__(self, settings: Settings, control: socket.socket, listener: socket.socket) -> None:
        self._settings = settings
        self._control = control
        self._listener = listener
        self._decoder = wire.Decoder()
        self._lines: dict[int, socket.socket] = {}
        self._children: dict[int, _Child] = {}
        self._spare: _Child | None = None
        self._cancelled: dict[str, None] = {}
        self._cleaners: set[int] = set()
        self._done_with: list[int] = []
        self._count = 0
        self._looked = 0.0
        self._poll = select.epoll()
        for source in (control, listener):
            self._poll.register(source, select.EPOLLIN)

    def loop(self) -> None:
        """Serve until the engine hangs up."""
        self._spare = self._fork()
        while True:
            for descriptor, _ in self._poll.poll(self._until_look()):
                if descriptor == self._control.fileno():
                    if not self._obey():
                        return
                elif descriptor == self._listener.fileno():
                    self._accept()
                else:
                    self._attend(descriptor)
            # Only now may a number be used again: what was polled above speaks of the old ones.
            while self._done_with:
                os.close(self._done_with.pop())
            if self._until_look() == 0:
                self._look()

    def _until_look(self) -> float | None:
        """Return the seconds until CPU times are to be looked at; None while no task is here."""
        if all(child.line is None for child in self._children.values()):
            return None
        return max(0.0, self._looked + _LOOK - time.monotonic())

    def _look(self) -> None:
        """End tasks that have used their CPU time, and processes that left their family, whose time nobody counts."""
        self._looked = time.monotonic()
        for child in {child for child in self._children.values() if child.line is not None}:
            used = kernel.cpu_seconds(child.pid) - child.cpu_before
            if used > child.cpu_limit + _CPU_GRACE:
                child.is_over = True
                _kill(child.pid)
        self._sweep()

    def _obey(self) -> bool:
        data = self._control.recv(_READ)
        for head, _ in self._decoder.feed(data):
            self._cancel(head["task"])
        return bool(data)

    def _cancel(self, task: str) -> None:
        # It may be on its way to a worker still: remembered, so that it is not started.
        self._cancelled[task] = None
        while len(self._cancelled) > _CANCELLED_KEPT:
            del self._cancelled[next(iter(self._cancelled))]
        for child in set(self._children.values()):
            if child.task == task:
                _kill(child.pid)

    def _accept(self) -> None:
        line, _ = self._listener.accept()
        self._lines[line.fileno()] = line
        self._poll.register(line, select.EPOLLIN | select.EPOLLRDHUP)

    def _attend(self, descriptor: int) -> None:
        if descriptor in self._lines:
            self._request(self._lines.pop(descriptor))
        elif descriptor in self._children:
            child = self._children[descriptor]
            if descriptor != child.ended and self._goes_on(child):
                return
            # Ended or hung up on: a kill does no harm to the ended.
            _kill(child.pid)
            if descriptor == child.ended:
                self._bury(child)
            else:
                self._poll.unregister(descriptor)

    def _goes_on(self, child: _Child) -> bool:
        """Give a child that stayed its next task; False when the worker has hung up, or the task is stopped."""
        if child.line is None:
            return False
        try:
            task, limit = self._asked(child.line.recv(_LONGEST_REQUEST))
        except (ValueError, LookupError, TypeError, OSError):
            return False
        if task in self._cancelled:
            return False
        # From here on a stop that was meant for the task before does not meet this one.
        child.task, child.cpu_limit = task, limit
        child.cpu_before = kernel.cpu_seconds(child.pid)
        self._announce(task, child.line)
        _tell(child.line, {"go": True})
        return True

    def _request(self, line: socket.socket) -> None:
        data, descriptors, _, _ = socket.recv_fds(line, _LONGEST_REQUEST, _GIVEN)
        try:
            task, limit = self._asked(data)
            if task not in self._cancelled:
                self._hand_over(task, limit, line, descriptors)
                return
            _tell(line, {"status": -signal.SIGKILL})
        except (ValueError, LookupError, TypeError, OSError):
            _tell(line, {"status": None})
        finally:
            for given in descriptors:
                os.close(given)
        self._drop(line.detach())

    def _drop(self, descriptor: int) -> None:
        # Closing alone would leave it in the poll for as long as a forked child has a copy.
        with suppress(FileNotFoundError):
            self._poll.unregister(descriptor)
        self._done_with.append(descriptor)

    def _asked(self, request: bytes) -> tuple[str, float]:
        """Return the name of a task, and the CPU seconds that it may use."""
        asked = json.loads(request)
        return str(asked["task"]), float(self._settings.cpu or asked["seconds"])

    def _hand_over(self, task: str, limit: float, line: socket.socket, given: list[int]) -> None:
        child, self._spare = self._spare or self._fork(), None
        socket.send_fds(child.leash, [b"x"], given)
        child.task, child.line, child.cpu_limit = task, line, limit
        self._children[line.fileno()] = child
        self._poll.modify(line, select.EPOLLIN | select.EPOLLRDHUP)
        self._announce(task, line)

    def _announce(self, task: str, line: socket.socket) -> None:
        self._control.sendall(wire.encode({"op": "running", "task": task, "worker": kernel.peer(line)}))

    def _fork(self) -> _Child:
        self._count += 1
        home = self._settings.scratch / f"task-{self._count}"
        leash, theirs = socket.socketpair()
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            live(zygote, theirs.fileno(), home, self._settings)
        theirs.close()
        child = _Child(pid, os.pidfd_open(pid), leash, home)
        self._children[child.ended] = child
        self._poll.register(child.ended, select.EPOLLIN)
        return child

    def _bury(self, child: _Child) -> None:
        _, status = os.waitpid(child.pid, 0)
        del self._children[child.ended]
        self._sweep()
        child.leash.close()
        self._drop(child.ended)
        if child.line is not None:
            del self._children[child.line.fileno()]
            over = {"cpu": child.cpu_limit} if child.is_over else {}
            _tell(child.line, {"status": os.waitstatus_to_exitcode(status), **over})
            self._drop(child.line.detach())
        if child.home.exists():
            self._clear(child.home)
        if self._spare in (None, child):
            self._spare = self._fork()

    def _sweep(self) -> None:
        """End the processes that left their family: they are the zygote's children now.

        Raises
        ------
        OSError
            When they are born faster than they can be ended; then the engine has to go.

        """
        self._cleaners = {pid for pid in self._cleaners if os.waitpid(pid, os.WNOHANG) == (0, 0)}
        for _ in range(_MOST_SWEEPS):
            strays = kernel.children() - {child.pid for child in self._children.values()} - self._cleaners
            if not strays:
                return
            for stray in strays:
                _kill(stray)
                os.waitpid(stray, 0)
        raise OSError("processes of a task do not end")

    def _clear(self, home: Path) -> None:
        # In a process of its own: a folder can be made so that clearing it takes long.
        pid = os.fork()
        if pid == 0:
            with suppress(BaseException):
                shutil.rmtree(home, ignore_errors=True)
            os._exit(0)
        self._cleaners.add(pid)


def _kill(pid: int) -> None:
    """Kill a process and its group. The process must not have been waited for: then its id is nobody else's."""
    with suppress(ProcessLookupError, PermissionError):
        os.kill(pid, signal.SIGKILL)
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _tell(line: socket.socket, message: dict[str, Any]) -> None:
    # The worker may be gone.
    with suppress(OSError):
        line.sendall(json.dumps(message).encode())
