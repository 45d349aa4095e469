"""Started engines, some of them ahead of time: a spare belongs to nobody until somebody needs it.

An engine's start takes seconds, and until its first task nothing in it is anybody's own: so whoever has lost an engine,
or comes anew, gets one that is warm already. An engine is given away once and never comes back.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import structlog
from openbeam.errors import OpenbeamError

from openbeam_endpoint.engines import Engine

__all__ = ["Supply"]

log = structlog.get_logger()

_LOOK_SECONDS: Final = 1.0
_CALM_SECONDS: Final = 3.0
"""So long nothing has run before a spare is started: on a small machine, its start would slow down tasks."""
_PATIENCE_SECONDS: Final = 10.0
"""After so long it is started all the same: where there is always work, spares are needed most."""
_FIRST_PAUSE: Final = 10.0
_LONGEST_PAUSE: Final = 600.0
_CLOSING_THREADS: Final = 4


class Supply:
    """Gives engines to those who need one. Belongs to the event loop's thread.

    Parameters
    ----------
    make
        Gives an engine, not yet started.
    spares
        How many are kept ahead.
    on_trouble
        Is told why there is no spare, and nothing once there is one again.

    """

    def __init__(self, make: Callable[[], Engine], *, spares: int, on_trouble: Callable[[str], None]) -> None:
        self._make = make
        self._spares = spares
        self._on_trouble = on_trouble
        # One at a time: two engines that start at once both take twice as long.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="engine-start")
        self._closer = ThreadPoolExecutor(_CLOSING_THREADS, thread_name_prefix="engine-close")
        self._ready: deque[Engine] = deque()
        self._takers: deque[asyncio.Future[Engine]] = deque()
        self._starting: asyncio.Task[None] | None = None
        self._on_its_way: Engine | None = None
        self._worked = time.monotonic()
        self._lacking_since: float | None = None
        self._failures = 0
        self._not_before = 0.0

    @property
    def has_spare(self) -> bool:
        """Whether somebody who asks now gets an engine at once."""
        return any(engine.healthy for engine in self._ready)

    async def take(self) -> Engine:
        """Return a started engine: a spare one, or else the next that is ready. Whoever asks first gets it first.

        Raises
        ------
        EngineFault
            When it does not start.

        """
        await self._drop_lost()
        if self._ready:
            return self._ready.popleft()
        taker: asyncio.Future[Engine] = asyncio.get_running_loop().create_future()
        self._takers.append(taker)
        self._start_one()
        try:
            return await taker
        except asyncio.CancelledError:
            if taker.done() and not taker.cancelled() and not taker.exception():
                self._hand_out(taker.result())
            raise

    async def keep(self, is_calm: Callable[[], bool]) -> None:
        """Keep the spares there, for ever. They are started while it is calm, though no calm is waited for too long."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            await self._drop_lost()
            now = time.monotonic()
            if not is_calm():
                self._worked = now
            if self._starting or len(self._ready) >= self._spares:
                self._lacking_since = None
                continue
            self._lacking_since = self._lacking_since or now
            rested = now >= self._worked + _CALM_SECONDS or now >= self._lacking_since + _PATIENCE_SECONDS
            if rested and now >= self._not_before:
                self._start_one()

    async def end(self, engine: Engine) -> None:
        """End an engine that was given out, and everything in it."""
        await asyncio.get_running_loop().run_in_executor(self._closer, engine.close)

    async def close(self) -> None:
        """End every engine that nobody has, started or on its way, and start no more."""
        self._starter.shutdown(wait=False, cancel_futures=True)
        engines = [*self._ready, *([self._on_its_way] if self._on_its_way else [])]
        self._ready.clear()
        if self._starting:
            self._starting.cancel()
        for taker in self._takers:
            taker.cancel()
        await asyncio.gather(*(self.end(engine) for engine in engines))

    def stop(self) -> None:
        """Let the threads go, after the last ``end``."""
        self._closer.shutdown(wait=False)

    def _start_one(self) -> None:
        if self._starting is None:
            self._starting = asyncio.get_running_loop().create_task(self._start())

    async def _start(self) -> None:
        try:
            engine = self._on_its_way = self._make()
            try:
                await asyncio.get_running_loop().run_in_executor(self._starter, engine.start)
            except Exception:
                await self.end(engine)
                raise
            self._hand_out(engine)
        except Exception as error:  # noqa: BLE001 - whoever waits has to hear of it
            self._tell_failure(error)
        finally:
            self._on_its_way = self._starting = None
        if self._next_taker():
            self._start_one()

    def _hand_out(self, engine: Engine) -> None:
        if taker := self._next_taker():
            self._takers.popleft()
            taker.set_result(engine)
            return
        self._ready.append(engine)
        if self._failures:
            self._failures = 0
            self._on_trouble("")

    def _tell_failure(self, error: Exception) -> None:
        if taker := self._next_taker():
            self._takers.popleft()
            taker.set_exception(error)
            return
        pause = min(_FIRST_PAUSE * 2**self._failures, _LONGEST_PAUSE)
        self._failures += 1
        self._not_before = time.monotonic() + pause
        reason = error.message if isinstance(error, OpenbeamError) else f"{type(error).__name__}: {error}"
        log.warning("a spare engine does not start", reason=reason, failures=self._failures, next_try_seconds=pause)
        self._on_trouble(f"A spare engine does not start: {reason}")

    def _next_taker(self) -> asyncio.Future[Engine] | None:
        while self._takers and self._takers[0].done():
            self._takers.popleft()
        return self._takers[0] if self._takers else None

    async def _drop_lost(self) -> None:
        for engine in [engine for engine in self._ready if not engine.healthy]:
            with suppress(ValueError):
                self._ready.remove(engine)
                log.warning("a spare engine was lost", engine=engine.name)
                await self.end(engine)
