"""Runs while they happen: updates go into a Valkey stream a run, and from there to every browser that watches.

An update is complete in itself, so who falls behind skips to the newest one, and who reconnects goes on from the id it
has. One reader a run serves all its watchers.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, Final

import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from redis import RedisError

from openbeam_service.tasks.queue import TaskQueue

__all__ = ["Live", "Update"]

KEEP_SECONDS: Final = 3600
"""How long a stream stays after an update: a run may be silent for as long as one chunk takes."""
KEEP_ENDED_SECONDS: Final = 30
"""How long it stays after its end: watchers that are behind read it; whoever comes later is served by the database."""
MAX_UPDATES: Final = 200
MAX_BYTES: Final = 8 * 1024 * 1024
"""Of one stream, roughly: large histograms keep fewer updates."""
HEARTBEAT_SECONDS: Final = 15.0

_PAUSE: Final = 0.5
_ID: Final = re.compile(r"([0-9]{1,16})-([0-9]{1,16})")
_log = structlog.get_logger("openbeam.live")


@dataclass(frozen=True)
class Update:
    """One entry of a stream."""

    id: str
    data: str
    is_end: bool

    @property
    def frame(self) -> bytes:
        """The server-sent event. Without an id, a reconnection starts from the newest update."""
        name = "end" if self.is_end else "update"
        return format_sse_event(data_str=self.data, event=name, id=self.id or None)

    @property
    def place(self) -> tuple[int, int]:
        """Where in the stream this is."""
        return _place(self.id)


def _place(update_id: str) -> tuple[int, int]:
    match = _ID.fullmatch(update_id)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _update(entry: Any) -> Update:
    update_id, fields = entry
    return Update(update_id.decode(), fields[b"data"].decode(), fields[b"event"] == b"end")


class _Channel:
    """The reader of one run's stream, and the newest update it has read."""

    def __init__(self, key: str, queue: TaskQueue) -> None:
        self.newest: Update | None = None
        self.watchers = 0
        self.news = asyncio.Condition()
        self._key = key
        self._queue = queue
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Read from now on."""
        last: Any = await self._queue.blocking.xrevrange(self._key, count=1)
        # The newest one counts as read: a watcher that came while we looked may not have seen it.
        self.newest = _update(last[0]) if last else None
        self._task = asyncio.create_task(self._read(last[0][0] if last else b"0-0"))

    async def stop(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    async def wake(self) -> None:
        """Let all watchers look up."""
        async with self.news:
            self.news.notify_all()

    async def _read(self, last: bytes) -> None:
        while True:
            try:
                answer: Any = await self._queue.blocking.xread({self._key: last}, block=30_000)
            except (RedisError, OSError) as error:
                _log.warning("a run's stream cannot be read", reason=str(error))
                await asyncio.sleep(_PAUSE)
                continue
            for entry in _entries(answer):
                last = entry[0]
                self.newest = _update(entry)
            await self.wake()


def _entries(answer: Any) -> list[Any]:
    """Return the entries of the one stream that was asked for, in either version of the protocol."""
    streams = list(answer.items()) if isinstance(answer, dict) else answer or []
    entries = [entry for _, found in streams for entry in found]
    return entries[0] if entries and isinstance(entries[0], list) else entries


class Live:
    """All streams."""

    def __init__(self, queue: TaskQueue) -> None:
        self._queue = queue
        self._channels: dict[str, _Channel] = {}
        self._closed = False

    def publish(self, run_id: str, data: str, *, is_end: bool) -> None:
        """Append an update to a run's stream. Blocks: call it in a thread."""
        key = _key(run_id)
        most = max(2, min(MAX_UPDATES, MAX_BYTES // max(len(data), 1)))
        fields: Any = {"event": "end" if is_end else "update", "data": data}
        with self._queue.connection.pipeline() as pipe:
            pipe.xadd(key, fields, maxlen=most, approximate=True)
            pipe.expire(key, KEEP_ENDED_SECONDS if is_end else KEEP_SECONDS)
            pipe.execute()

    def watched(self) -> list[str]:
        """Return the runs that somebody watches here."""
        return list(self._channels)

    @property
    def watchers(self) -> int:
        """How many watch here."""
        return sum(channel.watchers for channel in list(self._channels.values()))

    async def close(self) -> None:
        """End all watching: a watcher would keep the service from stopping."""
        self._closed = True
        for channel in list(self._channels.values()):
            await channel.wake()

    async def watch(self, run_id: str, last_id: str, snapshot: Callable[[], Awaitable[Update]]) -> AsyncIterator[bytes]:
        """Yield the events of a run, from ``last_id`` on, or from the newest one; the last is its end.

        ``snapshot`` gives how the run stands in the database, which is right even when the stream has been lost.
        """
        now = await snapshot()
        if now.is_end:
            yield now.frame
            return
        async with self._channel(run_id) as channel:
            missed = await self._missed(run_id, last_id)
            for update in missed or ([] if last_id else [now]):
                yield update.frame
            place = missed[-1].place if missed else _place(last_id)
            is_over = bool(missed) and missed[-1].is_end
            while not (is_over or self._closed):
                newest = await self._next(channel, place)
                if newest is None:
                    newest = await snapshot()
                    if not newest.is_end:
                        yield KEEPALIVE_COMMENT
                        continue
                yield newest.frame
                place, is_over = newest.place, newest.is_end

    async def _missed(self, run_id: str, last_id: str) -> list[Update]:
        key = _key(run_id)
        entries: Any
        if _ID.fullmatch(last_id):
            entries = await self._queue.blocking.xrange(key, min=f"({last_id}", count=MAX_UPDATES)
        else:
            entries = await self._queue.blocking.xrevrange(key, count=1)
        return [_update(entry) for entry in entries]

    async def _next(self, channel: _Channel, place: tuple[int, int]) -> Update | None:
        """Return the newest update after a place in the stream, or None after a silence."""

        def is_there() -> bool:
            return self._closed or (channel.newest is not None and channel.newest.place > place)

        try:
            async with asyncio.timeout(HEARTBEAT_SECONDS), channel.news:
                await channel.news.wait_for(is_there)
        except TimeoutError:
            return None
        return channel.newest if channel.newest is not None and channel.newest.place > place else None

    @asynccontextmanager
    async def _channel(self, run_id: str) -> AsyncIterator[_Channel]:
        channel = self._channels.get(run_id)
        if channel is None:
            channel = self._channels[run_id] = _Channel(_key(run_id), self._queue)
            channel.watchers += 1
            await channel.start()
        else:
            channel.watchers += 1
        try:
            yield channel
        finally:
            channel.watchers -= 1
            if channel.watchers == 0:
                self._channels.pop(run_id, None)
                await channel.stop()


def _key(run_id: str) -> str:
    return f"live:{run_id}"
