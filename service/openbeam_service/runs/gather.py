"""The gatherer: adds up the histograms of a run's chunks, publishes the sum so far, and ends the run once.

Everything it does follows from what the database says, so it may be called too often, from anywhere, and starts again
where another process stopped. ``touch`` says that a run may have news; the rest happens in threads.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

import structlog
from openbeam.errors import UnknownRun
from openbeam.models import Run, TaskKind
from openbeam.states import FINAL_RUN_STATES, RunState, TaskState
from redis import RedisError
from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session, sessionmaker

from openbeam_service.database import lock, now
from openbeam_service.metrics.counts import GATHER_SECONDS, RUNS
from openbeam_service.runs import planning
from openbeam_service.runs.account import Tally, tallies
from openbeam_service.runs.live import Live, Update
from openbeam_service.runs.models import ChunkResultRow, RunRow
from openbeam_service.runs.store import errors_of, load_run, shown_run, shown_runs
from openbeam_service.tasks.models import TaskRow
from openbeam_service.tasks.notify import Notifier
from openbeam_service.tasks.waits import Waits

__all__ = ["Gatherer", "Sum"]

PAUSE_SECONDS: Final = 0.05
"""Between two updates of one run."""
SHARE: Final = 3
"""One run may keep a thread busy one part in so many of the time: large histograms take long to add up."""

_THREADS: Final = 2
_AT_ONCE: Final = 64
_LOOKS: Final = 3
# Results are noted a moment before their transaction ends, so what is new is looked for a little before the last one.
_OVERLAP: Final = timedelta(seconds=3)
_log = structlog.get_logger("openbeam.gather")


@dataclass
class Sum:
    """The histograms of a run's chunks, added up as they come. Every chunk is in it once."""

    chunks: set[str] = field(default_factory=set)
    histograms: dict[str, Any] = field(default_factory=dict)
    text: str = "{}"
    """JSON of name to UHI."""
    _newest: datetime | None = None

    def catch_up(self, db: Session, run_id: str, *, thorough: bool = False) -> bool:
        """Add the chunks that have succeeded since the last time; ``thorough`` looks at all of them again."""
        query = select(TaskRow.id, TaskRow.result_id, TaskRow.ended).where(
            TaskRow.run_id == run_id, TaskRow.kind == TaskKind.chunk, TaskRow.state == TaskState.success
        )
        if self._newest is not None and not thorough:
            query = query.where(TaskRow.ended >= self._newest - _OVERLAP)
        found = [row for row in db.execute(query).all() if row.id not in self.chunks]
        for index in range(0, len(found), _AT_ONCE):
            self._add(db, found[index : index + _AT_ONCE])
        if found:
            from openbeam.histograms import to_uhi  # a second of imports, for which the service does not wait to start

            self._newest = max(row.ended for row in found)
            self.text = json.dumps({name: to_uhi(one) for name, one in self.histograms.items()}, separators=(",", ":"))
        return bool(found)

    def _add(self, db: Session, chunks: Iterable[Any]) -> None:
        from openbeam.histograms import add, from_uhi  # as above

        wanted = {row.id: row.result_id for row in chunks}
        columns = (ChunkResultRow.id, ChunkResultRow.histograms)
        texts = dict(db.execute(select(*columns).where(ChunkResultRow.id.in_(wanted.values()))).all())
        for task_id, result_id in wanted.items():
            # A result that is not there is an error, and not a histogram without these events.
            found = json.loads(texts[result_id]).items()
            more = {name: add(self.histograms.get(name), from_uhi(uhi)) for name, uhi in found}
            self.histograms.update(more)
            self.chunks.add(task_id)


@dataclass
class _Watched:
    """A run that has not ended, as this process knows it."""

    total: Sum = field(default_factory=Sum)
    published: str = ""
    """The last update."""


class Gatherer:
    """Serves each run by one thread at a time, at most every ``PAUSE_SECONDS``."""

    def __init__(
        self,
        sessions: sessionmaker[Session],
        live: Live,
        notifier: Notifier,
        dispatch: Callable[[planning.ToQueue | None], None],
        waits: Waits,
    ) -> None:
        self._sessions = sessions
        self._live = live
        self._notifier = notifier
        self._dispatch = dispatch
        self._waits = waits
        self._loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="gather")
        self._serving: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._watched: dict[str, _Watched] = {}

    def touch(self, run_ids: Iterable[str]) -> None:
        """Say that runs may have news. May be called from any thread."""
        for run_id in run_ids:
            self._loop.call_soon_threadsafe(self._touch, run_id)

    async def close(self) -> None:
        """Stop after what is being done now."""
        for task in self._serving.values():
            task.cancel()
        await asyncio.gather(*self._serving.values(), return_exceptions=True)
        await asyncio.to_thread(self._threads.shutdown)

    def _touch(self, run_id: str) -> None:
        if run_id in self._serving:
            self._again.add(run_id)
        else:
            self._serving[run_id] = self._loop.create_task(self._serve(run_id))

    async def _serve(self, run_id: str) -> None:
        try:
            while True:
                self._again.discard(run_id)
                started = time.monotonic()
                try:
                    await self._loop.run_in_executor(self._threads, self._measured, run_id)
                except Exception:  # noqa: BLE001  it is logged, and one run must not stop the others
                    # The sweeper touches every run that has not ended: this is tried again.
                    _log.exception("a run could not be gathered", run=run_id)
                busy = time.monotonic() - started
                await asyncio.sleep(max(PAUSE_SECONDS, SHARE * busy) - busy)
                if run_id not in self._again:
                    return
        finally:
            del self._serving[run_id]

    # ------------------------------------------------------------------------------------------ in a thread
    def histograms(self, db: Session, run_id: str) -> str:
        """Return the histograms of a run so far, or its last ones, as JSON of name to UHI."""
        stored = db.scalar(select(RunRow.histograms).where(RunRow.id == run_id))
        watched = self._watched.get(run_id)
        if stored is not None:
            return stored
        if watched is not None and watched.total.chunks:
            return watched.total.text
        total = Sum()
        total.catch_up(db, run_id)
        return total.text

    def snapshot(self, run_id: str) -> Update:
        """Return how a run stands, as an update that is not in its stream."""
        with self._sessions() as db:
            run = load_run(db, run_id)
            if run is None:
                raise UnknownRun.among(run_id, [])
            text = _update_text(self._waits.run(db, shown_runs(db, [run])[0]), self.histograms(db, run_id))
            return Update("", text, is_end=run.state in FINAL_RUN_STATES)

    def _measured(self, run_id: str) -> None:
        with GATHER_SECONDS.time():
            self._step(run_id)

    def _step(self, run_id: str) -> None:
        with self._sessions() as db:
            run = load_run(db, run_id)
            if run is not None and run.state is RunState.planning:
                run = self._plan(db, run_id)
            if run is not None and run.state is RunState.cancelled:
                self._close(db, run)
            if run is None or run.state in FINAL_RUN_STATES:
                self._forget(run_id)
                return
            watched = self._watched.setdefault(run_id, _Watched())
            if run.state is RunState.running:
                self._add_up(db, run, watched)
            else:
                self._publish(db, run, Tally(), watched)

    def _plan(self, db: Session, run_id: str) -> RunRow | None:
        db.rollback()
        lock(db)
        to_queue = planning.advance(db, run_id)
        db.commit()
        self._dispatch(to_queue)
        run = load_run(db, run_id)
        if run is not None and run.state in FINAL_RUN_STATES:
            self._end(db, run, "{}")
        return run

    def _add_up(self, db: Session, run: RunRow, watched: _Watched) -> None:
        tally = self._counted(db, run, watched.total)
        if watched.total.chunks and run.first_histogram is None:
            run.first_histogram = now()
        if tally.is_settled and len(watched.total.chunks) == tally.account.chunks_done:
            self._finish(db, run, tally, watched.total)
        else:
            self._publish(db, run, tally, watched)
            db.commit()

    def _counted(self, db: Session, run: RunRow, total: Sum) -> Tally:
        """Bring the sum up to date, and return the account of just these chunks: more may end between two looks."""
        tally = tallies(db, [run.id])[run.id]
        for look in range(_LOOKS):
            # What is missing at the first look may have ended, by a clock that was set back, long ago.
            total.catch_up(db, run.id, thorough=tally.is_settled or look > 0)
            if len(total.chunks) == tally.account.chunks_done:
                break
            tally = tallies(db, [run.id])[run.id]
        return tally

    def _finish(self, db: Session, run: RunRow, tally: Tally, total: Sum) -> None:
        account = tally.account
        state = RunState.complete if account.chunks_done == account.chunks else RunState.incomplete
        values = {
            "state": state if account.chunks_done else RunState.failed,
            "ended": now(),
            "account": account.model_dump(),
            "errors": [problem.model_dump() for problem in errors_of(db, run, account)],
            "histograms": total.text,
        }
        db.flush()
        mine = update(RunRow).where(RunRow.id == run.id, RunRow.state == RunState.running).values(**values)
        result = cast("CursorResult[Any]", db.execute(mine, execution_options={"synchronize_session": False}))
        db.commit()
        self._forget(run.id)
        if result.rowcount == 1:
            db.refresh(run)
            self._end(db, run, total.text)

    def _close(self, db: Session, run: RunRow) -> None:
        """Add up what a cancelled run had, once: nothing of it changes any more."""
        if db.scalar(select(RunRow.histograms).where(RunRow.id == run.id)) is not None:
            return
        total = self._watched.get(run.id, _Watched()).total
        total.catch_up(db, run.id, thorough=True)
        account = tallies(db, [run.id])[run.id].account
        run.account = account.model_dump()
        run.errors = [problem.model_dump() for problem in errors_of(db, run, account)]
        run.histograms = total.text
        db.commit()
        self._end(db, run, total.text)

    def _end(self, db: Session, run: RunRow, histograms: str) -> None:
        self._send(run.id, _update_text(shown_run(db, run, None), histograms), is_end=True)
        self._notifier.tell([run.id])
        seconds = ((run.ended or run.created) - run.created).total_seconds()
        RUNS.labels(run.state.value).inc()
        _log.info("run ended", run=run.id, state=run.state.value, seconds=seconds)

    def _publish(self, db: Session, run: RunRow, tally: Tally, watched: _Watched) -> None:
        text = _update_text(self._waits.run(db, shown_run(db, run, tally)), watched.total.text)
        if text != watched.published:
            self._send(run.id, text, is_end=False)
            watched.published = text

    def _send(self, run_id: str, text: str, *, is_end: bool) -> None:
        try:
            self._live.publish(run_id, text, is_end=is_end)
        except RedisError as error:
            # Watchers look into the database from time to time, and see the end there.
            _log.warning("an update could not be published", run=run_id, reason=str(error))

    def _forget(self, run_id: str) -> None:
        self._watched.pop(run_id, None)


def _update_text(run: Run, histograms: str) -> str:
    return f'{{"run":{run.model_dump_json()},"histograms":{histograms}}}'
