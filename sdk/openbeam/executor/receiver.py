"""Results come in as the service pushes them, through broken connections and a service that is away for a while."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any, Final

import httpx
from pydantic import ValidationError

from openbeam.errors import OpenbeamError, ServiceFault, ServiceTrouble, TooMany
from openbeam.executor.board import Board
from openbeam.models import TasksEnded
from openbeam.patience import pauses
from openbeam.sse import Decoder
from openbeam.transport import Transport

__all__ = ["Receiver"]

_SILENCE: Final = 45.0
"""Silence after which a connection counts as dead; the service sends a comment more often than that."""


class Receiver:
    """Follows groups in a thread of its own, for as long as somebody waits for a task."""

    def __init__(self, board: Board, wire: Transport, groups: Sequence[str], patience: float) -> None:
        self._board = board
        self._wire = wire
        self._groups = list(groups)
        self._patience = patience
        self._last_id = ""
        self._stopped = False
        self._socket: Any = None
        self._thread = threading.Thread(target=self._run, name="openbeam-receiver", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """Follow no more. The thread may sit in a read: its connection is shut under it."""
        self._stopped = True
        with self._board.changed:
            self._board.changed.notify_all()
        with suppress(OSError, AttributeError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(2)

    def _run(self) -> None:
        while self._wait_for_tasks():
            waits = pauses(self._patience)
            while not self._stopped and self._board.has_tasks():
                broken = self._connection()
                if broken is None:
                    waits = pauses(self._patience)
                    continue
                pause = (
                    next(waits, None) if isinstance(broken, httpx.TransportError | ServiceTrouble | TooMany) else None
                )
                if pause is None:
                    self._give_up(broken)
                    break
                time.sleep(pause)

    def _wait_for_tasks(self) -> bool:
        with self._board.changed:
            self._board.changed.wait_for(lambda: self._stopped or self._board.has_tasks() or self._board.is_over())
        return not self._stopped and not self._board.is_over()

    def _connection(self) -> Exception | None:
        """Take what one connection brings; return why it broke, or None when it brought something or was not needed."""
        decoder, got = Decoder(self._last_id), False
        try:
            with self._wire.stream(
                "/tasks/events",
                accept="text/event-stream",
                read_timeout=_SILENCE,
                headers={"Last-Event-ID": self._last_id} if self._last_id else {},
                query={"group": self._groups},
            ) as response:
                self._socket = response.extensions["network_stream"].get_extra_info("socket")
                for event in decoder.feed(self._needed(response.iter_bytes())):
                    got = True
                    self._board.end(_read(event.data).tasks)
                    self._last_id = decoder.last_id
        except (httpx.TransportError, OpenbeamError) as error:
            return None if got or self._stopped else error
        finally:
            self._socket = None
        return None

    def _needed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            yield chunk
            # A comment in a silence: nobody waits for anything, so the connection can go.
            if self._stopped or (chunk.startswith(b":") and not self._board.has_tasks()):
                return

    def _give_up(self, error: Exception) -> None:
        said = error if isinstance(error, OpenbeamError) else self._wire.unavailable()
        self._board.fail(self._board.pending(), said)


def _read(data: str) -> TasksEnded:
    try:
        return TasksEnded.model_validate_json(data)
    except ValidationError as error:
        raise ServiceFault("The service sent results that this version does not read.") from error
