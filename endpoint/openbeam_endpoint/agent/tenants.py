"""One engine for each author whose code runs here now: started on demand, bounded, ended when idle.

The warm tenant's engine has a place of its own. The others share what is left; when all of it is taken, they wait in
turn, and everything that waits for the same engine gets in together: an engine's start is dear, a task may be short.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Final

import structlog
from openbeam.errors import OpenbeamError

from openbeam_endpoint.agent.place import Place, TenantEngine
from openbeam_endpoint.engines import Engine

__all__ = ["Tenants"]

log = structlog.get_logger()

_LOOK_SECONDS: Final = 1.0
_PAUSE_AFTER_FAULT: Final = 10.0
_CLOSING_THREADS: Final = 4


class Tenants:
    """All engines of this agent. Belongs to the event loop's thread.

    Parameters
    ----------
    make
        Gives a tenant's engine, not yet started.
    warm
        The tenant whose engine is always there.
    most
        Engines at once.
    idle_seconds
        How long another tenant's engine is kept without work.

    """

    def __init__(self, make: Callable[[str], Engine], *, warm: str, most: int, idle_seconds: float) -> None:
        self._make = make
        self._warm = warm
        self._idle_seconds = idle_seconds
        # One at a time: two engines that start at once both take twice as long.
        self._starter = ThreadPoolExecutor(1, thread_name_prefix="engine-start")
        self._closer = ThreadPoolExecutor(_CLOSING_THREADS, thread_name_prefix="engine-close")
        self._starting: set[Engine] = set()
        self._others = Place(max(1, most - 1), self._start, self._close)
        self._warm_place = Place(1, self._start, self._close) if most > 1 else self._others

    @asynccontextmanager
    async def engine(self, tenant: str) -> AsyncIterator[TenantEngine]:
        """Give the tenant's engine, which stays open until the block is left.

        Raises
        ------
        EngineFault
            When it cannot be started.

        """
        place = self._warm_place if tenant == self._warm else self._others
        engine = await place.enter(tenant)
        try:
            yield engine
        finally:
            place.leave(engine)

    async def warm_up(self) -> None:
        """Start the warm tenant's engine; raises as ``engine`` does."""
        async with self.engine(self._warm):
            pass

    async def keep_warm(self) -> None:
        """Start the warm tenant's engine again whenever it is gone, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._warm_place.lacks(self._warm):
                try:
                    await self.warm_up()
                except OpenbeamError as error:
                    log.warning("no engine", tenant=self._warm, reason=error.message)
                    await asyncio.sleep(_PAUSE_AFTER_FAULT)

    async def watch(self) -> None:
        """End engines that are not well, and those that nobody needs, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for place in {self._warm_place, self._others}:
                await place.retire_unhealthy()
                await place.retire_idle(self._idle_seconds, keep=self._warm)

    async def close(self) -> None:
        """End every engine, started or on its way."""
        # Nothing starts any more; then what has started, or is about to, ends.
        self._starter.shutdown(wait=False, cancel_futures=True)
        on_their_way = [self._close(engine) for engine in self._starting]
        await asyncio.gather(self._warm_place.close(), self._others.close(), *on_their_way)
        self._closer.shutdown(wait=False)

    async def _start(self, tenant: str) -> Engine:
        engine = self._make(tenant)
        self._starting.add(engine)
        try:
            await asyncio.get_running_loop().run_in_executor(self._starter, engine.start)
        except Exception:
            self._starting.discard(engine)
            await self._close(engine)
            raise
        self._starting.discard(engine)
        return engine

    async def _close(self, engine: Engine) -> None:
        await asyncio.get_running_loop().run_in_executor(self._closer, engine.close)
