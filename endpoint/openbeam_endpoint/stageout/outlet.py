"""The agent's second ear to one engine: a unix socket by which tasks hand over files, apart from all other traffic.

A task shows the secret that it was given with its order, once. Who has none, says nothing, or too much, is hung up on;
at most as many are listened to at once as the engine has workers.
"""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import structlog
from openbeam.errors import EngineFault, ResultRefused

from openbeam_endpoint import wire
from openbeam_endpoint.stageout.intake import Intake

__all__ = ["Outlet"]

log = structlog.get_logger()

_READ: Final = 256 * 1024
_HELLO_SECONDS: Final = 5.0
_SILENCE: Final = 30.0


class Outlet:
    """The socket at ``path``, which keeps working when the path is gone, and the tasks that may use it."""

    def __init__(self, path: Path, workers: int) -> None:
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.bind(str(path))
        self._socket.listen(workers)
        self._room = threading.Semaphore(workers)
        self._lock = threading.Lock()
        self._expected: dict[str, Intake] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def expect(self, intake: Intake) -> dict[str, Any]:
        """Return the order with which a task may hand over its outputs."""
        secret = secrets.token_urlsafe(32)
        with self._lock:
            self._expected = {known: one for known, one in self._expected.items() if not one.closed}
            self._expected[secret] = intake
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._listen, name="outlet", daemon=True)
                self._thread.start()
        return {"secret": secret, **intake.bounds()}

    def close(self) -> None:
        """Listen no more."""
        self._closed = True
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _listen(self) -> None:
        while not self._closed:
            self._room.acquire()
            try:
                line, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(line,), name="outputs", daemon=True).start()

    def _attend(self, line: socket.socket) -> None:
        try:
            with line, suppress(OSError):
                line.sendall(wire.encode(self._verdict(line)))
        finally:
            self._room.release()

    def _verdict(self, line: socket.socket) -> dict[str, Any]:
        frames = _frames(line)
        try:
            self._asked(next(frames, ({}, b""))[0]).take(frames)
        except ResultRefused as error:
            return {"op": "refused", "message": error.message}
        except EngineFault as error:
            log.warning("outputs were not taken", reason=error.message)
            return {"op": "refused", "message": error.message}
        return {"op": "kept"}

    def _asked(self, hello: dict[str, Any]) -> Intake:
        with self._lock:
            intake = self._expected.pop(str(hello.get("secret")), None) if hello.get("op") == "outputs" else None
        if intake is None or intake.closed:
            raise EngineFault("No task was asked for these outputs.")
        return intake


def _frames(line: socket.socket) -> Iterator[wire.Frame]:
    """Yield what comes; ends when the other side hangs up.

    Raises
    ------
    EngineFault
        When it is no frame, or nothing comes.

    """
    decoder, patience = wire.Decoder(), time.monotonic() + _HELLO_SECONDS
    line.settimeout(_HELLO_SECONDS)
    try:
        while data := line.recv(_READ):
            for frame in decoder.feed(data):
                patience = 0.0
                line.settimeout(_SILENCE)
                yield frame
            if patience and time.monotonic() > patience:
                raise EngineFault("Who does not say which task it is, is not listened to.")
    except OSError as error:
        raise EngineFault("The outputs broke off.") from error
