"""The leases that this agent holds, and how much room it has for more.

A held task is *parked* until its files and its engine are there, *engaged* while an engine has it, and *ended* until
the service has its outcome. Everything here belongs to the event loop's thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from openbeam.models import LeasedTask, LeaseRef, file_name

from openbeam_endpoint.agent.pace import Pace
from openbeam_endpoint.engines import EngineReply

__all__ = ["Held", "Leases", "Stage"]

_MOST_AT_ONCE: Final = 256
# Parked tasks use no worker, so they may be more than there are workers: one slow file must not keep other tasks out.
_MOST_PARKED: Final = 64
# A service that takes no results gets no more of them.
_MOST_ENDED: Final = 256
_LONGEST_ACTIVITY: Final = 200


class Stage(Enum):
    """Where a held task stands."""

    parked = auto()
    engaged = auto()
    ended = auto()


def _nothing() -> str:
    return ""


@dataclass
class Held:
    """A task under a lease."""

    task: LeasedTask
    lease_id: str
    """Of the newest lease: a task whose lease ran out may be leased again while its job still goes on."""
    stage: Stage = Stage.parked
    running: bool = False
    activity: Callable[[], str] = _nothing
    job: asyncio.Task[EngineReply] | None = None

    @property
    def id(self) -> str:
        """Id of the task."""
        return self.task.task_id

    def ref(self) -> LeaseRef:
        """Return what the service is told when the lease is renewed."""
        activity = "" if self.running or self.stage is Stage.ended else self.activity()[:_LONGEST_ACTIVITY]
        return LeaseRef(task_id=self.id, lease_id=self.lease_id, running=self.running, activity=activity)


class Leases:
    """All held tasks by id. ``engaged`` is how many tasks engines may have at once when tasks are long."""

    def __init__(self, engaged: int) -> None:
        self._engaged = engaged
        self._held: dict[str, Held] = {}
        self._pace = Pace()
        self._changed = asyncio.Event()
        self.news = asyncio.Event()
        """Set when there is something that people may want to see: a task runs, or a file is fetched."""

    def add(self, task: LeasedTask) -> Held | None:
        """Keep a newly leased task; None when it is held already: then its job goes on under the new lease."""
        if known := self._held.get(task.task_id):
            known.lease_id = task.lease_id
            return None
        if task.files:
            self.news.set()
        held = self._held[task.task_id] = Held(task, task.lease_id)
        return held

    def get(self, task_id: str) -> Held | None:
        """Return a held task."""
        return self._held.get(task_id)

    def all(self) -> list[Held]:
        """Return every held task."""
        return list(self._held.values())

    def files(self) -> set[str]:
        """Return the names of the files that held tasks need. May be called from any thread."""
        return {file_name(file.checksum, file.size) for held in list(self._held.values()) for file in held.task.files}

    def move(self, held: Held, stage: Stage) -> None:
        """Say where a task stands now."""
        was, held.stage = held.stage, stage
        if was is Stage.engaged and stage is Stage.ended:
            self._pace.ended()
            if not self._busy():
                self._pace.rest()
        self._changed.set()

    def start(self, held: Held) -> None:
        """Say that a worker has begun."""
        held.running = True
        self.news.set()

    def remove(self, held: Held) -> None:
        """Forget a task."""
        self._held.pop(held.id, None)
        self._changed.set()

    def room(self) -> int:
        """Return how many more tasks may be leased."""
        count = Counter(held.stage for held in self._held.values())
        most = self._engaged + self._pace.ahead()
        room = min(most - count[Stage.engaged], _MOST_PARKED - count[Stage.parked], _MOST_AT_ONCE)
        return max(0, room) if count[Stage.ended] < _MOST_ENDED else 0

    def _busy(self) -> bool:
        return any(held.stage is Stage.engaged for held in self._held.values())

    async def wait_for_room(self) -> int:
        """Return how many more tasks may be leased, once that is worth a request: at least one, of short ones more."""
        while (room := self.room()) < (self._pace.ahead() // 2 if self._busy() else 1) or not room:
            self._changed.clear()
            await self._changed.wait()
        return room

    async def wait_until_empty(self) -> None:
        """Return once no task is held."""
        while self._held:
            self._changed.clear()
            await self._changed.wait()
