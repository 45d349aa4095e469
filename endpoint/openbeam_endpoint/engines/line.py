"""The agent's end of an engine's socket. Heads are checked as they come; bodies are not opened."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, Final, Self

from openbeam.errors import EngineFault

from openbeam_endpoint import wire
from openbeam_endpoint.sandbox.heads import Head, parse

__all__ = ["LOOK", "Line"]

LOOK: Final = 0.5
"""Seconds that one look for news may wait."""
_READ: Final = 256 * 1024
_SEND_SECONDS: Final = 10.0


class Line:
    """A connected engine. One thread listens, inside ``with``; any thread may send and hang up."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._link.settimeout(LOOK)
        self._decoder = wire.Decoder()
        self._sending = threading.Lock()
        self._sender = link.dup()
        self._sender.settimeout(_SEND_SECONDS)

    def __enter__(self) -> Self:
        """Be the listener."""
        return self

    def __exit__(self, *_: object) -> None:
        """Hang up, and listen no more."""
        self.hang_up()
        self._link.close()

    def hear(self) -> Iterator[tuple[Head, bytes]]:
        """Yield what has come; nothing after a while.

        Raises
        ------
        EngineFault
            When nothing will come any more, or something that is not in the language of engines.

        """
        for head, body in self._decoder.feed(self._read()):
            yield parse(head), body

    def send(self, head: dict[str, Any], body: bytes = b"") -> None:
        """Send one frame, if the engine still listens.

        Raises
        ------
        EngineFault
            When the frame is over its bounds; then nothing is sent.

        """
        frame = wire.encode(head, body)
        with self._sending:
            try:
                self._sender.sendall(frame)
            except OSError:
                # Half a frame may be on its way. The listener hears of it, and clears up.
                self._shut()

    def hang_up(self) -> None:
        """Let neither side hear anything any more."""
        self._shut()
        with self._sending:
            self._sender.close()

    def _shut(self) -> None:
        with suppress(OSError):
            self._sender.shutdown(socket.SHUT_RDWR)

    def _read(self) -> bytes:
        try:
            data = self._link.recv(_READ)
        except TimeoutError:
            return b""
        except OSError as error:
            raise EngineFault("The engine ended.") from error
        if not data:
            raise EngineFault("The engine ended.")
        return data
