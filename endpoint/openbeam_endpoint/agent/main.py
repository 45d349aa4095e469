"""The agent of one endpoint, from its folder to its end.

::

    service  <--HTTP--  link  <--  leasing, outbox
                                      |
                                  dispatcher  -->  keeper (files), tenants (engines)

One event loop owns all of it. Threads do what blocks: transfers, starting and ending engines.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import signal
import sys
import threading
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any, Final

import structlog
from openbeam import __version__
from openbeam.errors import OpenbeamError
from openbeam.models import EndpointStatus, EnvironmentReport, Isolation, SealingKey
from openbeam_datasets.files import FileCache
from openbeam_datasets.locate import ServiceFiles

from openbeam_endpoint.agent.allowed import AllowList
from openbeam_endpoint.agent.dispatch import Dispatcher
from openbeam_endpoint.agent.held import Leases
from openbeam_endpoint.agent.lease import Leasing
from openbeam_endpoint.agent.link import Link, patiently
from openbeam_endpoint.agent.log import configure as configure_log
from openbeam_endpoint.agent.outbox import Outbox
from openbeam_endpoint.agent.supply import Supply
from openbeam_endpoint.agent.tenants import Tenants
from openbeam_endpoint.config import Config
from openbeam_endpoint.diary import Diary
from openbeam_endpoint.engines import Engine, choose_isolation
from openbeam_endpoint.exits import exit_status
from openbeam_endpoint.folder import Folder
from openbeam_endpoint.identity import Tokens, public_jwk
from openbeam_endpoint.keeper import Keeper
from openbeam_endpoint.packages import environment_digest, environment_packages
from openbeam_endpoint.sandbox.folders import clear_away
from openbeam_endpoint.stageout.desk import Desk

__all__ = ["Agent", "run"]

log = structlog.get_logger()

_GOODBYE_SECONDS: Final = 1.5
_END_SECONDS: Final = 3.0
_SWITCH_SECONDS: Final = 0.0005
"""How long a thread may compute while the event loop waits: Python's 5 ms are most of what a short task takes."""
_LEAST_PREFETCH: Final = 2
_LOOK_SECONDS: Final = 1.0
_MOST_PACKAGES: Final = 2_000


class Agent:
    """One endpoint at work. Make it and run it inside an event loop."""

    def __init__(self, folder: Folder, config: Config, isolation: Isolation, diary: Diary) -> None:
        self._folder = folder
        self._diary = diary
        self._numbers = itertools.count(1)
        self._config = config
        self._isolation = isolation
        self._workers = config.slots
        self._draining = asyncio.Event()
        self._newest: Engine | None = None
        identity = folder.identity()
        tokens = Tokens(config.url, identity.endpoint_id, folder.key(), tell_skew=_note_skew)
        status = EndpointStatus(
            workers=self._workers,
            isolation=isolation,
            environment=environment_digest(),
            environment_name=config.environment,
            python=f"{sys.version_info.major}.{sys.version_info.minor}",
            version=__version__,
            listed=config.lists_for_others,
        )
        self._link = Link(config.url, tokens)
        # A few tasks more than workers, so that a worker that is done finds its next one here.
        leases = self._leases = Leases(self._workers + max(_LEAST_PREFETCH, self._workers))
        self._place = folder.place(config)
        cache = FileCache(
            self._place.files,
            mirror=config.mirror,
            service=ServiceFiles(config.url, tokens.get),
            limit=config.cache_bytes,
            in_use=leases.files,
        )
        self._outbox = Outbox(self._link, leases)
        self._keeper = Keeper(cache)
        self._tenants = Tenants(
            Supply(self._engine, spares=config.spares, on_trouble=diary.trouble),
            warm=config.warm_tenant or identity.owner_id,
            stays_warm=config.stays_warm,
            most=config.max_engines,
            idle_seconds=config.engine_idle_seconds,
        )
        alone = isolation is Isolation.none and not config.lists_for_others
        self._dispatcher = Dispatcher(
            leases,
            self._keeper,
            self._tenants,
            self._outbox,
            only=identity.owner_id if alone else None,
            shared=config.warm_tenant or identity.owner_id if config.site else None,
            allowed=AllowList(config.functions),
            # Nodes do not reach the socket that outputs go through.
            desk=None
            if config.site
            else Desk(config, folder.outgoing, self._link, identity.endpoint_id, folder.sealing_key()),
        )
        self._leasing = Leasing(self._link, leases, self._dispatcher, status)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until ``stop`` is set or all is done after ``drain``, give back what is not done, end the engines.

        Raises
        ------
        NotSignedIn, NotAllowed
            When the service does not want this endpoint (any more).
        EngineFault
            When the warm engine cannot be started at all.

        """
        try:
            await _together(asyncio.FIRST_COMPLETED, stop.wait(), self._work())
        finally:
            await self._end()

    async def _work(self) -> None:
        # An engine takes seconds to start, and a service that starts at the same time takes some too.
        await _together(asyncio.FIRST_EXCEPTION, patiently()(self._link.sign_in), self._tenants.warm_up())
        self._diary.ready()
        await self._tell()
        log.info("ready", workers=self._workers, isolation=self._isolation.value, service=self._config.url)
        await _together(
            asyncio.FIRST_COMPLETED,
            self._ask_until_drained(),
            self._leasing.renew(),
            self._leasing.listen(),
            self._outbox.send_all(),
            self._tenants.keep_warm(),
            self._tenants.watch(),
            self._tenants.keep_spares(),
            self._note_blocks(),
        )

    def drain(self) -> None:
        """Take no more work, and end when what is here is done."""
        self._draining.set()

    async def _ask_until_drained(self) -> None:
        await _together(asyncio.FIRST_COMPLETED, self._leasing.ask_for_work(), self._draining.wait())
        log.info("draining", tasks=len(self._leases.all()))
        await self._leases.wait_until_empty()
        log.info("drained")

    async def _note_blocks(self) -> None:
        """Keep the diary in step with the blocks, for ever."""
        while True:
            await asyncio.sleep(_LOOK_SECONDS)
            if self._newest and (blocks := self._newest.blocks):
                self._diary.blocks(str(blocks), blocks.trouble)

    async def _tell(self) -> None:
        report = EnvironmentReport(digest=environment_digest(), packages=environment_packages()[:_MOST_PACKAGES])
        try:
            await self._link.tell_environment(report)
            if not self._config.site:
                await self._link.tell_sealing_key(SealingKey(key=public_jwk(self._folder.sealing_key())))
        except OpenbeamError as error:
            # It is told again at the next start; work does not wait for it.
            log.warning("the service was not told what is installed here, and the key", reason=error.message)

    async def _end(self) -> None:
        self._dispatcher.give_back()
        self._keeper.close()
        await asyncio.gather(self._tenants.close(), self._say_goodbye())
        await self._link.close()

    async def _say_goodbye(self) -> None:
        # A service that is away finds out by itself when the leases run out.
        with suppress(OpenbeamError, TimeoutError):
            async with asyncio.timeout(_GOODBYE_SECONDS):
                await self._outbox.send_rest()

    def _engine(self) -> Engine:
        self._newest = Engine(
            name=f"{self._config.name}-{next(self._numbers)}",
            data=self._place.files,
            workers=self._workers,
            isolation=self._isolation,
            scratch=self._place.scratch,
            cpu=self._config.cpu_seconds,
            site=self._config.site,
        )
        return self._newest


def _note_skew(seconds: float) -> None:
    log.warning("this machine's clock is not the service's", fast=f"{seconds:+.0f} s")


async def _together(until: str, *coroutines: Coroutine[Any, Any, object]) -> None:
    """Run all until one ends, or one fails, or all have ended; stop the others, and raise what was raised."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        done, _ = await asyncio.wait(tasks, return_when=until)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _end_in_time(code: int) -> None:
    """End the process in three seconds at the latest: a transfer or an engine that hangs does not hold it up."""
    timer = threading.Timer(_END_SECONDS, os._exit, (code,))
    timer.daemon = True
    timer.start()


async def _main(folder: Folder, config: Config, isolation: Isolation, diary: Diary) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    agent = Agent(folder, config, isolation, diary)

    def on_signal(number: int) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        diary.end()
        _end_in_time(0)
        stop.set()
        # The second time is meant.
        for each in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(each, os._exit, 1)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal, number)
    loop.add_signal_handler(signal.SIGUSR1, agent.drain)
    try:
        await agent.run(stop)
    except BaseException as error:
        if not stop.is_set():
            _end_in_time(exit_status(error))
        raise


def run(folder: Folder, *, quiet: bool = False) -> None:
    """Run the agent of a configured endpoint until a signal ends it. ``quiet`` leaves standard error alone.

    Raises
    ------
    InvalidInput
        When its settings are wrong.
    Conflict
        When it runs already.
    NotSignedIn, NotAllowed, EngineFault
        As ``Agent.run``.

    """
    with folder.alone(), Diary.kept(folder.state_path) as diary:
        sys.setswitchinterval(_SWITCH_SECONDS)
        configure_log(folder.log_path, quiet=quiet)
        config = folder.config()
        # A site's nodes have the walls that the site has between accounts, and none of ours.
        isolation = Isolation.none if config.site else choose_isolation(config.isolation)
        diary.chose(isolation, config.slots)
        place = folder.place(config)
        place.make()
        # What an agent that was killed could not clear away.
        for left in (place.scratch, folder.outgoing):
            shutil.rmtree(left, ignore_errors=True)
        clear_away()
        place.scratch.mkdir(exist_ok=True)
        asyncio.run(_main(folder, config, isolation, diary))
