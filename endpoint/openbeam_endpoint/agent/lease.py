"""Leases: asked for while there is room, renewed while they are held, given up when nobody wants the result."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final

from openbeam.errors import OpenbeamError
from openbeam.models import EndpointStatus, LeaseRequest, RenewRequest, StopsRequest

from openbeam_endpoint.agent.dispatch import Dispatcher
from openbeam_endpoint.agent.held import Leases
from openbeam_endpoint.agent.link import Link, is_passing, patiently

__all__ = ["Leasing"]

_WAIT: Final = 20.0
_RENEW_SECONDS: Final = 2.0
# News goes out sooner, but not so soon that every short task makes a request more.
_NEWS_SECONDS: Final = 0.3


class Leasing:
    """The three loops that talk to the service about leases."""

    def __init__(self, link: Link, leases: Leases, dispatcher: Dispatcher, status: EndpointStatus) -> None:
        self._link = link
        self._leases = leases
        self._dispatcher = dispatcher
        self._status = status
        self._wait = _WAIT

    async def ask_for_work(self) -> None:
        """Lease what there is room for, for ever; a service that is away is waited for."""
        while True:
            await patiently()(self._lease)

    async def renew(self) -> None:
        """Renew every lease that is held, and stop what the service says, for ever."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._leases.news.wait(), _RENEW_SECONDS - _NEWS_SECONDS)
            await asyncio.sleep(_NEWS_SECONDS)
            self._leases.news.clear()
            if self._leases.all():
                await self._renew()

    async def listen(self) -> None:
        """Renew at once when the service says that something is to be stopped, for ever."""
        while True:
            if await patiently()(self._link.stops, StopsRequest(wait=_WAIT)):
                await self._renew()

    async def _lease(self) -> None:
        want = await self._leases.wait_for_room()
        # After a failure, the next answer comes at once, and tells that the service is back.
        wait, self._wait = self._wait, 0.0
        reply = await self._link.lease(LeaseRequest(want=want, wait=wait, status=self._status))
        self._wait = _WAIT
        for task in reply.tasks:
            self._dispatcher.take(task)
        # Their jobs come before the next request.
        await asyncio.sleep(0)

    async def _renew(self) -> None:
        refs = [held.ref() for held in self._leases.all()]
        try:
            reply = await self._link.renew(RenewRequest(leases=refs, status=self._status))
        except OpenbeamError as error:
            # The next round asks again; results are kept until they are counted or fenced.
            if not is_passing(error):
                raise
            return
        sent = {ref.task_id: ref.lease_id for ref in refs}
        for task_id in reply.stop:
            if task_id in sent:
                self._dispatcher.stop(task_id, sent[task_id])
