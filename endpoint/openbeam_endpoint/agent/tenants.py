"""One engine for each author whose code runs here now: a spare one where there is one, bounded, ended when idle.

The warm tenant's engine has a place of its own. The others share what is left; when all of it is taken, they wait in
turn, and everything that waits for the same engine gets in together: an engine's start is dear, a task may be short.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog
from openbeam.errors import OpenbeamError

from openbeam_endpoint.agent.place import Place, TenantEngine
from openbeam_endpoint.agent.supply import Supply
from openbeam_endpoint.engines import Engine

__all__ = ["Tenants"]

log = structlog.get_logger()

_LOOK_SECONDS: Final = 1.0
_PAUSE_AFTER_FAULT: Final = 10.0


class Tenants:
    """All engines of this agent. Belongs to the event loop's thread.

    Parameters
    ----------
    supply
        Where engines come from.
    warm
        The tenant whose engine is always there.
    most
        Engines at once, spare ones not counted.
    idle_seconds
        How long another tenant's engine is kept without work.
    stays_warm
        Whether the warm tenant's is kept for ever. Otherwise it is started once, which shows that it can be.

    """

    def __init__(self, supply: Supply, *, warm: str, most: int, idle_seconds: float, stays_warm: bool = True) -> None:
        self._supply = supply
        self._warm = warm
        self._stays_warm = stays_warm
        self._idle_seconds = idle_seconds
        self._others = Place(max(1, most - 1), self._start, supply.end)
        self._warm_place = Place(1, self._start, supply.end) if most > 1 else self._others
        self._places = {self._warm_place, self._others}

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
            if self._stays_warm and self._warm_place.lacks(self._warm):
                try:
                    await self.warm_up()
                except OpenbeamError as error:
                    log.warning("no engine", tenant=self._warm, reason=error.message)
                    await asyncio.sleep(_PAUSE_AFTER_FAULT)

    async def watch(self) -> None:
        """End engines that are not well, and those that nobody needs, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            for place in self._places:
                place.retire_unhealthy()
                place.retire_idle(self._idle_seconds, keep=self._warm if self._stays_warm else None)
            if self._supply.has_spare:
                any(place.part_with_worn() for place in self._places)

    async def keep_spares(self) -> None:
        """Have spare engines ready, for ever."""
        await self._supply.keep(lambda: not any(place.busy for place in self._places))

    async def close(self) -> None:
        """End every engine, started or on its way."""
        # Nothing starts any more; then what has started, or is about to, ends.
        await asyncio.gather(self._supply.close(), *(place.close() for place in self._places))
        self._supply.stop()

    async def _start(self, tenant: str) -> Engine:
        began = time.monotonic()
        engine = await self._supply.take()
        log.info("engine given", engine=engine.name, tenant=tenant, seconds=round(time.monotonic() - began, 3))
        return engine
