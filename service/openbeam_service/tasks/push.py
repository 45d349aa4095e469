"""Results as they come: the ends of tasks, pushed to who follows their groups.

Whoever ends tasks tells the notifier their ids. One reader asks the database which groups they are of, and hands each
follower the ends that concern it; a follower reads its results when it is ready for them, so one that is slow holds ids
and no results. The id of an event is when its last task ended: a reconnection goes on a little before that.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from openbeam.models import TasksEnded
from openbeam.states import FINAL_TASK_STATES
from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session, joinedload, sessionmaker
from starlette.concurrency import run_in_threadpool

from openbeam_service.access import visible_tasks
from openbeam_service.identity.principal import Principal
from openbeam_service.tasks import store
from openbeam_service.tasks.models import TaskRow
from openbeam_service.tasks.notify import Notifier

__all__ = ["Push"]

HEARTBEAT_SECONDS: Final = 15.0
LONGEST_SECONDS: Final = 900.0
"""A stream ends after this long and is taken up again, so that who may not follow any more does not."""
OVERLAP: Final = timedelta(seconds=30)
"""Of two tasks, the one that ended first may be written last; so much of the past is read again."""
MAX_EVENT_BYTES: Final = 4 * 1024 * 1024
MAX_EVENT_TASKS: Final = 256
MAX_BEHIND: Final = 50_000

_AT_ONCE: Final = 500
_START: Final = datetime(1970, 1, 1, tzinfo=UTC)
_End = tuple[datetime, str, int]
"""When a task ended, its id, and how long its result is."""
_END: Final = (TaskRow.ended, TaskRow.id, func.coalesce(func.length(TaskRow.value), 0))
_ENDED: Final = (TaskRow.state.in_(FINAL_TASK_STATES), TaskRow.ended.is_not(None))
_log = structlog.get_logger("openbeam.push")


class Push:
    """All followers of this process."""

    def __init__(self, sessions: sessionmaker[Session], notifier: Notifier) -> None:
        self._sessions = sessions
        self._followers: dict[str, set[_Follower]] = {}
        self._told: set[str] = set()
        self._news = asyncio.Event()
        self._closed = False
        notifier.listeners.append(self._hear)

    def close(self) -> None:
        """End all following: a follower would keep the service from stopping."""
        self._closed = True
        for followers in self._followers.values():
            for follower in followers:
                follower.news.set()

    async def run(self) -> None:
        """Hand out what has ended, for ever."""
        while True:
            await self._news.wait()
            self._news.clear()
            told, self._told = self._told, set()
            try:
                concerned = await run_in_threadpool(self._concerned, told, list(self._followers))
            except SQLAlchemyError:
                _log.exception("ends of tasks could not be handed out; their followers will look for themselves")
                continue
            for group, ends in concerned.items():
                for follower in self._followers.get(group, ()):
                    follower.add(ends)

    async def follow(self, caller: Principal, groups: Sequence[str], last_id: str) -> AsyncIterator[bytes]:
        """Yield events with tasks of these groups: those that have ended since ``last_id``, then others as they end."""
        end = asyncio.get_running_loop().time() + LONGEST_SECONDS
        mine = (visible_tasks(caller), TaskRow.group_id.in_(groups))
        # A moment to come is of a clock that was set back since: nothing ends after it for as long as that was.
        reader = _Reader(self._sessions, mine, min(_moment(last_id), datetime.now(UTC)))
        with self._following(groups) as follower:
            async for frame in reader.missed():
                yield frame
            while not self._closed and asyncio.get_running_loop().time() < end:
                ends = await follower.take(HEARTBEAT_SECONDS)
                if ends is None:
                    yield KEEPALIVE_COMMENT
                async for frame in reader.missed() if ends is None else reader.read(ends):
                    yield frame

    @contextmanager
    def _following(self, groups: Iterable[str]) -> Iterator[_Follower]:
        follower = _Follower()
        for group in groups:
            self._followers.setdefault(group, set()).add(follower)
        try:
            yield follower
        finally:
            for group in groups:
                self._followers[group].discard(follower)
                if not self._followers[group]:
                    del self._followers[group]

    def _hear(self, keys: Iterable[str]) -> None:
        if self._followers:
            self._told.update(keys)
            self._news.set()

    def _concerned(self, told: Iterable[str], groups: Sequence[str]) -> dict[str, list[_End]]:
        followed, found = set(groups), defaultdict[str, list[_End]](list)
        with self._sessions() as db:
            for some in _some(list(told)):
                query = select(TaskRow.group_id, *_END).where(*_ENDED, TaskRow.id.in_(some))
                for group, *end in db.execute(query):
                    if group in followed:
                        found[group].append(tuple(end))
        return found


class _Follower:
    """The ends that one stream has still to send."""

    def __init__(self) -> None:
        self.news = asyncio.Event()
        self._ends: set[_End] | None = set()

    def add(self, ends: Iterable[_End]) -> None:
        if self._ends is not None:
            self._ends.update(ends)
            if len(self._ends) > MAX_BEHIND:
                self._ends = None
        self.news.set()

    async def take(self, seconds: float) -> set[_End] | None:
        """Return ends as soon as there are some; None after a silence, or when there were too many to hold."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.news.wait(), seconds)
        self.news.clear()
        ends, self._ends = self._ends, set()
        return ends or None


class _Reader:
    """Reads the ends of one stream's tasks, none twice."""

    def __init__(self, sessions: sessionmaker[Session], mine: Sequence[ColumnElement[bool]], since: datetime) -> None:
        self._sessions = sessions
        self._mine = mine
        self._since = since
        self._sent: dict[str, datetime] = {}

    async def missed(self) -> AsyncIterator[bytes]:
        """Yield what has ended and was not sent."""
        after = (max(self._since - OVERLAP, _START), "")
        while ends := await run_in_threadpool(self._ends_after, after):
            after = ends[-1][:2]
            async for frame in self._frames(ends):
                yield frame

    async def read(self, ends: Iterable[_End]) -> AsyncIterator[bytes]:
        """Yield these tasks, as far as they may be seen."""
        async for frame in self._frames(sorted(ends)):
            yield frame

    async def _frames(self, ends: Iterable[_End]) -> AsyncIterator[bytes]:
        for part in _parts([end for end in ends if end[1] not in self._sent]):
            self._since = max(self._since, part[-1][0])
            if frame := await run_in_threadpool(self._frame, [task_id for _, task_id, _ in part], self._since):
                yield frame
            self._sent.update((task_id, ended) for ended, task_id, _ in part)
        self._forget()

    def _forget(self) -> None:
        if len(self._sent) > MAX_BEHIND:
            old = self._since - OVERLAP
            self._sent = {task_id: ended for task_id, ended in self._sent.items() if ended >= old}

    def _ends_after(self, after: tuple[datetime, str]) -> list[_End]:
        moment, task_id = after
        later = or_(TaskRow.ended > moment, and_(TaskRow.ended == moment, TaskRow.id > task_id))
        query = select(*_END).where(*self._mine, *_ENDED, later)
        with self._sessions() as db:
            found = db.execute(query.order_by(TaskRow.ended, TaskRow.id).limit(MAX_EVENT_TASKS))
            return [tuple(end) for end in found]

    def _frame(self, ids: Sequence[str], since: datetime) -> bytes | None:
        rows = select(TaskRow).options(joinedload(TaskRow.function), joinedload(TaskRow.endpoint))
        with self._sessions() as db:
            found = db.scalars(rows.where(*self._mine, TaskRow.id.in_(ids)).order_by(TaskRow.ended, TaskRow.id))
            tasks = [store.shown_task(row) for row in found]
        if not tasks:
            return None
        text = TasksEnded(tasks=tasks).model_dump_json()
        return format_sse_event(data_str=text, event="tasks", id=since.isoformat())


def _parts(ends: Sequence[_End]) -> Iterator[list[_End]]:
    """Cut a list into events of a bearable size."""
    part: list[_End] = []
    size = 0
    for end in ends:
        if part and (len(part) >= MAX_EVENT_TASKS or size + end[2] > MAX_EVENT_BYTES):
            yield part
            part, size = [], 0
        part.append(end)
        size += end[2]
    if part:
        yield part


def _moment(text: str) -> datetime:
    """Return the moment that an event's id names; what is no such id is the beginning of time."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return _START
    return max(moment.astimezone(UTC), _START) if moment.tzinfo else _START


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[index : index + _AT_ONCE] for index in range(0, len(ids), _AT_ONCE))
