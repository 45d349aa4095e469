"""Room for a number of engines, handed out in turn."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import structlog
from openbeam.errors import EngineFault

from openbeam_endpoint.agent.problems import problem_of
from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.stageout.intake import Intake

__all__ = ["Place", "TenantEngine"]

log = structlog.get_logger()


class TenantEngine:
    """A started engine, as coroutines see it. It is held open by its ``users``."""

    def __init__(self, tenant: str, engine: Engine) -> None:
        self.tenant = tenant
        self.engine = engine
        self.users = 0
        self.used = time.monotonic()
        self._ended = False
        self.pending: set[asyncio.Future[EngineReply]] = set()
        # An engine that does not listen holds up its own thread, and neither the event loop nor other engines.
        self._sender = ThreadPoolExecutor(1, thread_name_prefix="engine-send")

    async def run(
        self,
        task_id: str,
        body: bytes,
        seconds: float,
        on_running: Callable[[], None],
        series: str = "",
        outputs: Intake | None = None,
    ) -> EngineReply:
        """Return what the engine answers; when this is cancelled, the engine is told to stop the task.

        Raises
        ------
        EngineFault
            When the engine has been ended.

        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[EngineReply] = loop.create_future()

        # The engine calls back from a thread of its own.
        def done(reply: EngineReply) -> None:
            loop.call_soon_threadsafe(_settle, answer, reply)

        def running() -> None:
            loop.call_soon_threadsafe(on_running)

        if self._ended:
            raise EngineFault("The engine stopped before the task began.")
        self.pending.add(answer)
        try:
            task = partial(self.engine.submit, task_id, body, seconds, done, running, series, outputs)
            await loop.run_in_executor(self._sender, task)
            return await answer
        except asyncio.CancelledError:
            if not self._ended:
                self._sender.submit(self.engine.cancel, task_id)
            raise
        finally:
            self.pending.discard(answer)

    def end(self, error: EngineFault) -> None:
        """Give every waiting task the engine's fault as its answer, and take no more."""
        self._ended = True
        self._sender.shutdown(wait=False)
        for answer in self.pending:
            _settle(answer, EngineReply(None, problem_of(error)))


def _settle(answer: asyncio.Future[EngineReply], reply: EngineReply) -> None:
    if not answer.done():
        answer.set_result(reply)


class _Entry:
    """Everybody who waits for one tenant's engine."""

    def __init__(self, open_engine: Callable[[_Entry], Coroutine[Any, Any, TenantEngine]]) -> None:
        self.waiting = 0
        self.opening = asyncio.get_running_loop().create_task(open_engine(self))

    async def wait(self) -> TenantEngine:
        self.waiting += 1
        try:
            return await asyncio.shield(self.opening)
        except asyncio.CancelledError:
            self.waiting -= 1
            raise


class Place:
    """Room for so many engines. ``start`` gives a tenant's started engine, ``end`` ends one."""

    def __init__(
        self, room: int, start: Callable[[str], Awaitable[Engine]], end: Callable[[Engine], Awaitable[None]]
    ) -> None:
        self._room = room
        self._start = start
        self._end = end
        self._engines: dict[str, TenantEngine] = {}
        self._entries: dict[str, _Entry] = {}
        self._turn = asyncio.Lock()
        self._left = asyncio.Event()
        self._closed = False
        self._parting: set[asyncio.Task[None]] = set()

    @property
    def busy(self) -> bool:
        """Whether somebody uses an engine, or waits for one."""
        return bool(self._entries or self._parting) or any(engine.users for engine in self._engines.values())

    def lacks(self, tenant: str) -> bool:
        """Tell whether the tenant has no engine although there is room for it."""
        return tenant not in self._engines and not self._entries and len(self._engines) < self._room

    async def enter(self, tenant: str) -> TenantEngine:
        """Return the tenant's engine with one more user; it is started, or waited for, when it is not there.

        Raises
        ------
        EngineFault
            When it cannot be started.

        """
        known = self._engines.get(tenant)
        # While somebody waits, an engine that is there takes no more: it would never be idle, and they wait for ever.
        if known and known.engine.healthy and not self._entries:
            known.users += 1
            return known
        if tenant not in self._entries:
            self._entries[tenant] = _Entry(partial(self._open, tenant))
        entry = self._entries[tenant]
        try:
            return await entry.wait()
        except asyncio.CancelledError:
            # Let in, and gone in the same moment.
            if entry.opening.done() and not entry.opening.cancelled() and not entry.opening.exception():
                self.leave(entry.opening.result())
            raise

    def leave(self, engine: TenantEngine) -> None:
        """Count one user less."""
        engine.users -= 1
        engine.used = time.monotonic()
        self._left.set()

    def retire_unhealthy(self) -> None:
        """Part with engines that are not well; their tasks get an answer that a retry mends. Nobody waits for it."""
        for engine in [engine for engine in self._engines.values() if not engine.engine.healthy]:
            self._part_with(engine)

    def part_with_worn(self) -> bool:
        """Let the tenant of a worn engine have another one, while what runs in this one ends. One at a time."""
        for engine in self._engines.values():
            if engine.engine.worn:
                log.info("engine recycled", engine=engine.engine.name, tenant=engine.tenant)
                self._part_with(engine)
                return True
        return False

    def retire_idle(self, seconds: float, *, keep: str | None) -> None:
        """End engines without users for so long, but not the one of the tenant ``keep``."""
        for engine in list(self._engines.values()):
            if engine.tenant != keep and not engine.users and time.monotonic() - engine.used >= seconds:
                log.info("engine ended, it was idle", tenant=engine.tenant)
                self._part_with(engine)

    async def close(self) -> None:
        """End every engine and let nobody in."""
        for entry in self._entries.values():
            entry.opening.cancel()
        self._closed = True
        for engine in list(self._engines.values()):
            self._part_with(engine)
        self._left.set()
        await asyncio.gather(*self._parting)

    async def _open(self, tenant: str, entry: _Entry) -> TenantEngine:
        async with self._turn:
            try:
                if not entry.waiting:
                    raise asyncio.CancelledError
                engine = await self._opened(tenant)
            finally:
                del self._entries[tenant]
            engine.users += entry.waiting
            return engine

    async def _opened(self, tenant: str) -> TenantEngine:
        self.retire_unhealthy()
        if tenant not in self._engines:
            await self._make_room()
            self._engines[tenant] = TenantEngine(tenant, await self._start(tenant))
        return self._engines[tenant]

    async def _make_room(self) -> None:
        while len(self._engines) >= self._room:
            if idle := [engine for engine in self._engines.values() if not engine.users]:
                longest = min(idle, key=lambda engine: engine.used)
                self._release(longest)
                await self._finish(longest)
            else:
                self._left.clear()
                await self._left.wait()

    def _release(self, engine: TenantEngine) -> None:
        del self._engines[engine.tenant]
        self._left.set()

    def _part_with(self, engine: TenantEngine) -> None:
        """Let an engine go that nobody shall get any more: the next one need not wait for its end."""
        self._release(engine)
        parting = asyncio.get_running_loop().create_task(self._finish(engine))
        self._parting.add(parting)
        parting.add_done_callback(self._parting.discard)

    async def _finish(self, engine: TenantEngine) -> None:
        while engine.users and (engine.engine.healthy or engine.engine.leaving) and not self._closed:
            self._left.clear()
            await self._left.wait()
        engine.end(EngineFault("The engine stopped before the task was done."))
        await self._end(engine.engine)
