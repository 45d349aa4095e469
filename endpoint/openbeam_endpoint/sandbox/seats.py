"""Seats: engines' containers that a host keeps running for an agent that may start none itself.

Each is a folder of ``OPENBEAM_SEATS`` that the container of that seat sees too, read-only. The container's first
process connects to the socket there and waits; here it is handed an engine's settings and a connected socket. Its end
is the engine's end, and the other way round, and then the container is started afresh.

A seat's name is there only while nothing of an author runs in it: code in a container that is used could connect as
well, and would be taken for the next, empty one.
"""

from __future__ import annotations

import json
import os
import queue
import socket
import threading
import time
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path
from typing import Final

from openbeam.errors import EngineFault

from openbeam_endpoint.sandbox.launch import SOCKET_NAME, Order, settings
from openbeam_endpoint.sandbox.settings import OUTLET_NAME, SEAT_ORDER

__all__ = ["VARIABLE", "SeatSandbox", "given", "launch"]

VARIABLE: Final = "OPENBEAM_SEATS"
DOOR: Final = "door"
"""The folder of a seat that the agent may write to."""

_GRACE: Final = 1.0
"""Seconds from the end of a container's first process until all others have ended with it, with much to spare."""
_WAIT: Final = 60.0
_END_SECONDS: Final = 10.0
_READ: Final = 4096
_LOG_TAIL: Final = 8 * 1024
_ANYBODY: Final = 0o666


def given() -> bool:
    """Say whether this agent has seats."""
    return bool(os.environ.get(VARIABLE))


class SeatSandbox:
    """An engine in a seat, or at first a seat that waits for one."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._tail = bytearray()
        self._ended = threading.Event()

    def listen(self) -> None:
        """Return when the container's first process has ended."""
        with suppress(OSError):
            while data := self._link.recv(_READ):
                self._tail += data
                del self._tail[:-_LOG_TAIL]
        self._ended.set()
        self._link.close()

    def begin(self, arguments: list[str], engine_link: socket.socket, way_out: int) -> None:
        """Have it start an engine; raises OSError when it is gone."""
        order = json.dumps({"arguments": arguments}).encode()
        if len(order) > SEAT_ORDER:
            raise EngineFault("The engine's settings are too long.")
        socket.send_fds(self._link, [order], [engine_link.fileno(), way_out])

    def running(self) -> bool:
        """Say whether its first process lives."""
        return not self._ended.is_set()

    def log(self) -> str:
        """Return the last of what its processes wrote, once they have ended."""
        return bytes(self._tail).decode("utf-8", "replace").strip()

    def close(self) -> None:
        """End all of it."""
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_WR)
        self._ended.wait(_END_SECONDS)
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)


class _Seats:
    """All seats: a thread each, that lets its container in whenever that starts."""

    def __init__(self, above: Path) -> None:
        self._waiting: queue.Queue[SeatSandbox] = queue.Queue()
        folders = sorted(folder / DOOR for folder in above.iterdir() if (folder / DOOR).is_dir())
        for folder in folders:
            threading.Thread(target=self._serve, args=(folder,), name=f"seat-{folder.parent.name}", daemon=True).start()

    def _serve(self, folder: Path) -> None:
        while True:
            with suppress(OSError):  # of descriptors, say: it is tried again
                seat = SeatSandbox(_let_in(folder / SOCKET_NAME))
                self._waiting.put(seat)
                seat.listen()
            time.sleep(_GRACE)

    def take(self, order: Order) -> SeatSandbox:
        deadline = time.monotonic() + _WAIT
        arguments = _arguments(order)
        while True:
            try:
                seat = self._waiting.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise EngineFault("No container of an engine is free. Its host may have stopped them.") from None
            if not seat.running():
                continue
            with socket.socket(socket.AF_UNIX) as engine_link, ExitStack() as opened:
                engine_link.connect(str(order.sockets / SOCKET_NAME))
                way_out = os.open(order.sockets / OUTLET_NAME, os.O_PATH)
                opened.callback(os.close, way_out)
                with suppress(OSError):
                    seat.begin(arguments, engine_link, way_out)
                    return seat


def _let_in(address: Path) -> socket.socket:
    """Return a connection of the container's first process; its name is gone then."""
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        address.chmod(_ANYBODY)
        listener.listen(1)
        link, _ = listener.accept()
        address.unlink(missing_ok=True)
    return link


def _arguments(order: Order) -> list[str]:
    inside = settings(order, sockets=order.sockets, data=order.data, scratch=order.sockets, alone=True)
    # The seat knows its own.
    return [one for one in inside.command() if not one.startswith(("--socket=", "--outlet=", "--scratch="))]


@cache
def _seats(above: Path) -> _Seats:
    return _Seats(above)


def launch(order: Order) -> SeatSandbox:
    """Start an engine in a seat that is free, waiting for one up to a minute.

    Raises
    ------
    EngineFault
        When none is.

    """
    return _seats(Path(os.environ[VARIABLE])).take(order)
