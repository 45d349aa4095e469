"""A run's updates over server-sent events, through broken connections."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
from pydantic import ValidationError

from openbeam.errors import OpenbeamError, ServiceFault, TaskPending
from openbeam.models import RunUpdate
from openbeam.patience import Patience
from openbeam.sse import Decoder, Event
from openbeam.transport import Transport

__all__ = ["updates"]

# Silence after which a connection counts as dead; the service sends a comment more often than that.
_SILENCE = 45.0
_LONGEST_PAUSE = 5.0


def _updates_in(events: Iterator[Event]) -> Iterator[tuple[RunUpdate, bool]]:
    for event in events:
        if event.name in {"update", "end"}:
            try:
                yield RunUpdate.model_validate_json(event.data), event.name == "end"
            except ValidationError as error:
                raise ServiceFault("The service sent an update that this version does not read.") from error


class _Watch:
    """One watcher of one run: where the stream is, and how long to go on."""

    def __init__(self, wire: Transport, run_id: str, timeout: float | None) -> None:
        self.ended = False
        self._wire = wire
        self._run_id = run_id
        self._end = float("inf") if timeout is None else time.monotonic() + timeout
        self._decoder = Decoder()
        self._patience = Patience()

    def connection(self) -> Iterator[RunUpdate]:
        """Yield the updates of one connection."""
        last_id, retry = self._decoder.last_id, self._decoder.retry
        self._decoder = Decoder(last_id, retry)
        with self._wire.stream(
            f"/runs/{self._run_id}/events",
            accept="text/event-stream",
            read_timeout=min(_SILENCE, self._left()),
            headers={"Last-Event-ID": last_id} if last_id else {},
        ) as response:
            for update, is_last in _updates_in(self._decoder.feed(self._in_time(response.iter_bytes()))):
                self.ended = is_last
                yield update
                if is_last:
                    return

    def pause(self, error: OpenbeamError | None) -> None:
        """Wait before the next connection, a little longer each time; give up when it is no use."""
        pause = self._patience.pause(error or self._wire.unavailable())
        time.sleep(min(max(pause, self._decoder.retry or 0.0), _LONGEST_PAUSE, self._left()))

    def _in_time(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        for chunk in chunks:
            # A comment in a silence will do: the service is there, and the run takes its time.
            self._patience.well()
            yield chunk
            self._left()

    def _left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TaskPending(
                f"Run {self._run_id} has not ended in time. It goes on; ask again later.", run_id=self._run_id
            )
        return left


def updates(wire: Transport, run_id: str, timeout: float | None = None) -> Iterator[RunUpdate]:
    """Yield a run's updates until ``event: end``, reconnecting with ``Last-Event-ID`` where the stream broke off.

    Raises
    ------
    TaskPending
        When ``timeout`` seconds are over first.
    ServiceUnavailable
        When the service stays away.

    """
    watch = _Watch(wire, run_id, timeout)
    while not watch.ended:
        broken: OpenbeamError | None = None
        try:
            yield from watch.connection()
        except httpx.TransportError:
            broken = wire.unavailable()
        except OpenbeamError as error:
            broken = error
        if not watch.ended:
            watch.pause(broken)
