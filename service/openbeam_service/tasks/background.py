"""What runs beside the routes: the queue's connections, the sweeper, the listener, the gatherer."""

from __future__ import annotations

import asyncio
import gc
import signal
import threading
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib import import_module
from typing import Any, Final

import structlog
from fastapi import FastAPI
from redis import RedisError
from sqlalchemy.exc import OperationalError

from openbeam_service.audit import store as audit
from openbeam_service.quotas import use as quota
from openbeam_service.runs.cache import forget_old
from openbeam_service.runs.retention import forget_results
from openbeam_service.runs.tickets import Tickets
from openbeam_service.settings import Settings
from openbeam_service.tasks.backend import Backend
from openbeam_service.tasks.queue import TaskQueue

__all__ = ["running"]

_REMEMBER_SECONDS: Final = 5.0
"""How often the queue is compared with the database."""
_NUDGE_SECONDS: Final = 2.0
"""How often runs are looked at that somebody watches, so that they say when their endpoint has gone away."""
_PICK_UP_SECONDS: Final = 20.0
"""How often all runs are looked at that have not ended: another process may have left one behind."""
_PRESENCE_SECONDS: Final = 5.0
_FORGET_SECONDS: Final = 3600.0
_log = structlog.get_logger("openbeam.background")


class _Sweeper:
    """Housekeeping, each kind in its own rhythm."""

    def __init__(self, backend: Backend, settings: Settings) -> None:
        self._backend = backend
        self._settings = settings
        # After a start, most is due at once.
        self._due = dict.fromkeys(("remember", "nudge", "pick up", "presence"), 0.0)
        self._due["forget"] = time.monotonic() + 60.0

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                await asyncio.to_thread(self.once)
            except RedisError as error:
                _log.warning("the queue does not answer", reason=str(error))
                # When it is back it may have forgotten something.
                self._due["remember"] = 0.0
            except OperationalError as error:
                _log.warning("the database does not answer", reason=str(error.orig).strip())
            except Exception:  # noqa: BLE001  it is logged, and sweeping must go on
                _log.exception("the sweeper stumbled, and goes on")
            await asyncio.sleep(self._settings.sweep_seconds)

    def once(self) -> None:
        """Do what is due."""
        backend = self._backend
        if self._is_due("presence", _PRESENCE_SECONDS):
            backend.presence.refresh()
        if self._is_due("nudge", _NUDGE_SECONDS):
            backend.gatherer.touch(backend.live.watched())
        if self._is_due("pick up", _PICK_UP_SECONDS):
            backend.gatherer.touch(backend.open_runs())
        if self._is_due("forget", _FORGET_SECONDS):
            with backend.sessions.begin() as db:
                forget_old(db)
                quota.forget(db)
                audit.forget_old(db, self._settings.audit_days)
            forget_results(backend.sessions, self._settings.result_days)
        backend.note_lost(backend.queue.sweep())
        if self._is_due("remember", _REMEMBER_SECONDS):
            backend.remember_forgotten()

    def _is_due(self, what: str, seconds: float) -> bool:
        moment = time.monotonic()
        if moment < self._due[what]:
            return False
        self._due[what] = moment + seconds
        return True


def _on_stop(closing: asyncio.Event) -> None:
    """Set an event as soon as the process is told to stop.

    The server tells the application only after all its answers have been sent, and those who wait or watch would keep
    it from that; so the signal itself is listened to, before the server's own handler.
    """
    if threading.current_thread() is not threading.main_thread():
        return
    loop = asyncio.get_running_loop()

    def chain(number: signal.Signals, before: Any) -> None:
        def handler(*arguments: Any) -> None:
            loop.call_soon_threadsafe(closing.set)
            before(*arguments)

        signal.signal(number, handler)

    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)
        if callable(before):
            chain(number, before)


async def _close_when(closing: asyncio.Event, backend: Backend) -> None:
    await closing.wait()
    backend.notifier.close()
    backend.push.close()
    await backend.live.close()


async def _warm_up() -> None:
    """Import what the first result needs, after the service has started and before somebody waits for it.

    All that is there by then stays, so the garbage collector need not look at it again. It would also take it as the
    measure for how much garbage may wait, which let the service grow by several MiB over its first hundreds of runs.
    """
    await asyncio.to_thread(import_module, "openbeam.histograms")
    gc.collect()
    gc.freeze()


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[None]:
    """Run everything that routes rely on, and leave it in ``app.state``: ``backend``, ``closing``, ``tickets``."""
    state = app.state
    queue = TaskQueue(state.settings.valkey, state.settings.lease_seconds)
    backend = state.backend = Backend(state.sessions, queue, state.settings.quota_rules)
    closing = state.closing = asyncio.Event()
    state.tickets = Tickets(state.vault.read(state.vault.tickets_secret))
    _on_stop(closing)
    sweeper = _Sweeper(backend, state.settings)
    beside = (sweeper.run(), backend.notifier.listen(), backend.push.run(), _close_when(closing, backend), _warm_up())
    tasks = [asyncio.create_task(what) for what in beside]
    try:
        yield
    finally:
        closing.set()
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await backend.gatherer.close()
        await queue.close()
