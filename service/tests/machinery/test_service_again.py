"""Computing only what is missing, looking through many runs, and results that are kept or removed."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from openbeam.errors import Conflict, ResultGone, UnknownRun
from openbeam.models import FunctionSpec, RunAgain, RunFilter
from openbeam.states import FINAL_RUN_STATES, RunState, TaskState
from openbeam_service.audit.models import AuditRow
from openbeam_service.database import now
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.store import add_user
from openbeam_service.registry.store import publish_function
from openbeam_service.runs import retention
from openbeam_service.runs import store as runs
from openbeam_service.runs.chunks import list_chunks
from openbeam_service.runs.models import FileFactsRow, RunRow
from openbeam_service.runs.retention import forget_results, keep
from openbeam_service.tasks import store as tasks
from openbeam_service.tasks.models import TaskRow
from service_bench import FILE, Bench
from service_kit import ANALYSIS, chunk_result, total
from sqlalchemy import select, update

ENTRIES = 40_000


def _several_chunks(b: Bench) -> None:
    """Let the dataset's file have so many events that a run has four chunks."""
    with b.backend.sessions.begin() as db:
        mine = FileFactsRow.checksum == FILE["checksum"]
        db.execute(update(FileFactsRow).where(mine).values(entries=ENTRIES, offsets=[0, ENTRIES]))


async def _ended(b: Bench, run_id: str) -> Any:
    async def look() -> RunState:
        return b.state(run_id)

    assert await b.backend.notifier.wait(run_id, 5, look, FINAL_RUN_STATES.__contains__) in FINAL_RUN_STATES
    return _shown(b, run_id)


def _shown(b: Bench, run_id: str) -> Any:
    with b.backend.sessions() as db:
        return runs.shown_runs(db, [runs.find_run(db, b.caller, run_id)])[0]


def _histograms(b: Bench, run_id: str) -> dict[str, Any]:
    with b.backend.sessions() as db:
        return dict(json.loads(b.backend.gatherer.histograms(db, run_id)))


def _age(b: Bench, days: int) -> None:
    """Let everything that has ended have ended so many days earlier."""
    with b.backend.sessions.begin() as db:
        for table in (RunRow, TaskRow):
            ended = table.ended.is_not(None)
            db.execute(update(table).where(ended).values(ended=now() - timedelta(days=days)))


async def _incomplete(b: Bench) -> str:
    """Return a run that lacks one chunk of four."""
    _several_chunks(b)
    run_id = b.run()
    bad, *good = await b.lease()
    assert all(b.give(task, chunk_result(10_000)) for task in good)
    assert b.settle(bad, {"problem": {"kind": "TimedOut", "message": "x"}, "worker": "worker 1 of engine a"})
    assert (await _ended(b, run_id)).state is RunState.incomplete
    return run_id


# ------------------------------------------------------------------------------------------------ again
def test_only_the_missing_chunk_is_computed_and_every_event_counts_once(bench: Any) -> None:
    async def test(b: Bench) -> None:
        first = await _incomplete(b)
        again = b.backend.resubmit_run(b.caller, first, RunAgain())
        assert (again.resubmits, again.account.chunks_cached) == (first, 3)
        (leased,) = await b.lease()
        assert b.give(leased, chunk_result(10_000))
        run = await _ended(b, again.id)
        assert (run.state, run.account.events_processed, run.account.events_expected) == ("complete", ENTRIES, ENTRIES)
        assert total(_histograms(b, again.id)) == ENTRIES
        old = _shown(b, first)
        assert (old.state, old.account.events_processed) == (RunState.incomplete, 30_000)
        assert total(_histograms(b, first)) == 30_000

    bench(test)


def test_a_cancelled_run_goes_on_where_it_was(bench: Any) -> None:
    async def test(b: Bench) -> None:
        _several_chunks(b)
        run_id = b.run()
        done, *_ = await b.lease()
        assert b.give(done, chunk_result(10_000))
        b.backend.cancel_run(b.caller, run_id)
        again = b.backend.resubmit_run(b.caller, run_id, RunAgain())
        left = await b.lease()
        assert len(left) == 3
        assert all(b.give(task, chunk_result(10_000)) for task in left)
        run = await _ended(b, again.id)
        assert (run.state, run.account.events_processed) == (RunState.complete, ENTRIES)

    bench(test)


def test_what_lacks_nothing_is_not_run_again(bench: Any) -> None:
    async def test(b: Bench) -> None:
        run_id = b.run()
        with pytest.raises(Conflict, match="has not ended"):
            b.backend.resubmit_run(b.caller, run_id, RunAgain())
        (leased,) = await b.lease()
        assert b.give(leased, chunk_result(100))
        await _ended(b, run_id)
        with pytest.raises(Conflict, match="is complete"):
            b.backend.resubmit_run(b.caller, run_id, RunAgain())
        stranger = _stranger(b)
        with pytest.raises(UnknownRun):
            b.backend.resubmit_run(stranger, run_id, RunAgain())

    bench(test)


def _stranger(b: Bench) -> Principal:
    with b.backend.sessions.begin() as db:
        user = add_user(db, "eve", b.caller.role, None)
        return Principal(user.id, user.name, user.role, frozenset({"tasks:run"}), "portal")


# ------------------------------------------------------------------------------------------------ chunks
def test_chunks_say_who_had_them(bench: Any) -> None:
    async def test(b: Bench) -> None:
        run_id = await _incomplete(b)
        with b.backend.sessions() as db:
            run = runs.find_run(db, b.caller, run_id)
            found = list_chunks(db, run, "", 100)
            pages = [chunk for last in ("", *(one.id for one in found)) for chunk in list_chunks(db, run, last, 1)]
        assert pages == found
        assert sorted((chunk.start, chunk.stop) for chunk in found) == [
            (n, n + 10_000) for n in range(0, ENTRIES, 10_000)
        ]
        (bad,) = [chunk for chunk in found if chunk.state is TaskState.failed]
        assert (bad.endpoint, bad.worker, bad.attempts) == ("e", "worker 1 of engine a", 1)
        assert bad.error is not None
        assert bad.error.details["task"] == bad.id

    bench(test)


# ------------------------------------------------------------------------------------------------ lists
def test_runs_are_found_by_state_function_and_time_and_come_in_pages(bench: Any) -> None:
    async def test(b: Bench) -> None:
        with b.backend.sessions.begin() as db:
            other = FunctionSpec(name="b", kind="analysis", source=f"{ANALYSIS}#\n", entrypoint="analyze")
            publish_function(db, b.caller, other)
        mine = [b.run() for _ in range(5)]
        b.backend.cancel_run(b.caller, mine[1])

        def listed(**wanted: Any) -> list[str]:
            with b.backend.sessions() as db:
                return [run.id for run in runs.list_runs(db, b.caller, RunFilter(**wanted))]

        newest = mine[::-1]
        assert listed() == listed(function="a") == listed(function="a@1") == listed(function="a@latest") == newest
        assert listed(function="b") == listed(function="a@2") == listed(function="a@" + "9" * 50) == []
        assert listed(state="cancelled") == [mine[1]]
        with b.backend.sessions() as db:
            third = db.get_one(RunRow, mine[2])
        assert listed(since=third.created) == newest[:3]
        assert listed(function=third.function_id) == newest
        first = listed(limit=2)
        second = listed(limit=2, before=first[-1])
        assert first + second + listed(limit=2, before=second[-1]) == newest
        with pytest.raises(UnknownRun):
            listed(before="nowhere")

    bench(test)


# ------------------------------------------------------------------------------------------------ retention
def test_old_results_go_and_say_so_and_what_is_kept_stays(bench: Any) -> None:
    async def test(b: Bench) -> None:
        gone, kept, call = b.run(), b.run(fresh=True), b.submit()
        for task in await b.lease():
            assert b.give(task, {"value": 1} if task.kind == "call" else chunk_result(100))
        for run_id in (gone, kept):
            await _ended(b, run_id)
        with b.backend.sessions.begin() as db:
            assert keep(db, b.caller, kept, kept=True).kept
        _age(b, 29)
        forget_results(b.backend.sessions, 30)
        assert total(_histograms(b, gone)) == 100
        assert b.task(call).value is not None
        _age(b, 31)
        for _ in range(2):
            forget_results(b.backend.sessions, 30)
        assert total(_histograms(b, kept)) == 100
        with b.backend.sessions() as db:
            run = runs.find_run(db, b.caller, gone)
            with pytest.raises(ResultGone, match="kept for a limited time"):
                retention.check_there("run", run.ended, run.forgotten)
            with pytest.raises(ResultGone, match="Run it again"):
                tasks.shown_task(tasks.find_task(db, b.caller, call))
            with pytest.raises(ResultGone):
                keep(db, b.caller, gone, kept=True)
        assert b.task(call).value is None
        assert b.task(call).arguments is None
        shown = _shown(b, gone)
        assert (shown.state, shown.account.events_processed) == (RunState.complete, 100)

    bench(test)


def test_many_old_results_go_in_several_steps(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_AT_ONCE", 2)

    async def test(b: Bench) -> None:
        calls = [b.submit() for _ in range(5)]
        assert all(b.give(task, {"value": 1}) for task in await b.lease())
        _age(b, 31)
        forget_results(b.backend.sessions, 30)
        assert [b.task(call).value for call in calls] == [None] * 5

    bench(test)


def test_keeping_and_going_on_are_on_record(bench: Any) -> None:
    async def test(b: Bench) -> None:
        run_id = await _incomplete(b)
        again = b.backend.resubmit_run(b.caller, run_id, RunAgain())
        with b.backend.sessions.begin() as db:
            for kept in (True, True, False):
                keep(db, b.caller, run_id, kept=kept)
        with b.backend.sessions() as db:
            rows = db.scalars(select(AuditRow).where(AuditRow.object_id == run_id).order_by(AuditRow.id)).all()
        assert [row.action for row in rows] == ["run.submit", "run.resubmit", "run.keep", "run.let_go"]
        assert rows[1].details == {"run": again.id}

    bench(test)
