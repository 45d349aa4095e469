"""Waiting for something to end without asking again and again: whoever waits is woken when it happens.

Waiters of this process are woken directly, those of other copies of the service over Valkey's publish/subscribe.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Final, TypeVar

import structlog
from redis import RedisError

from openbeam_service.tasks.queue import TaskQueue

__all__ = ["Notifier"]

_CHANNEL: Final = "openbeam:news"
_PAUSE: Final = 0.5
_T = TypeVar("_T")
_log = structlog.get_logger("openbeam.notify")


class Notifier:
    """Who waits for what. Keys are ids of tasks and runs, and of endpoints that have something to stop."""

    def __init__(self, queue: TaskQueue) -> None:
        self._queue = queue
        self._loop = asyncio.get_running_loop()
        self._waiters: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._closed = False
        self._name = uuid.uuid4().hex
        self.listeners: list[Callable[[Iterable[str]], None]] = []
        """Called with all keys that are told, in the event loop's thread."""

    def tell(self, keys: Iterable[str]) -> None:
        """Wake who waits for these keys. May be called from any thread."""
        told = list(keys)
        if not told:
            return
        self._loop.call_soon_threadsafe(self._wake, told)
        with suppress(RedisError):  # waiters elsewhere look again when their time is up
            self._queue.connection.publish(_CHANNEL, json.dumps([self._name, told]))

    def close(self) -> None:
        """Wake everybody, and let nobody wait any more."""
        self._closed = True
        self._wake(list(self._waiters))

    async def wait(
        self, key: str, seconds: float, look: Callable[[], Awaitable[_T]], is_done: Callable[[_T], bool]
    ) -> _T:
        """Return what ``look`` gives as soon as ``is_done`` accepts it, or what it gives when the time is up."""
        deadline = self._loop.time() + seconds
        with self._waiting(key) as event:
            while True:
                event.clear()
                found = await look()
                left = deadline - self._loop.time()
                if is_done(found) or left <= 0 or self._closed:
                    return found
                with suppress(TimeoutError):
                    await asyncio.wait_for(event.wait(), left)

    async def hear(self, key: str, seconds: float) -> bool:
        """Return True as soon as somebody tells this key, False when the time is up."""
        if self._closed:
            return False
        with self._waiting(key) as event, suppress(TimeoutError):
            await asyncio.wait_for(event.wait(), seconds)
        return event.is_set() and not self._closed

    async def listen(self) -> None:
        """Pass on what other copies of the service tell, for ever."""
        while True:
            try:
                async with self._queue.blocking.pubsub() as channel:
                    await channel.subscribe(_CHANNEL)
                    async for message in channel.listen():
                        if message["type"] == "message":
                            self._pass_on(*json.loads(message["data"]))
            except (RedisError, OSError, ValueError, TypeError) as error:
                _log.warning("no news from the queue's server", reason=str(error))
                await asyncio.sleep(_PAUSE)

    @contextmanager
    def _waiting(self, key: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiters[key].add(event)
        try:
            yield event
        finally:
            self._waiters[key].discard(event)
            if not self._waiters[key]:
                del self._waiters[key]

    def _pass_on(self, name: str, keys: list[str]) -> None:
        if name != self._name:
            self._wake(keys)

    def _wake(self, keys: Iterable[str]) -> None:
        for listener in self.listeners:
            listener(keys)
        for key in keys:
            for event in self._waiters.get(key, ()):
                event.set()
