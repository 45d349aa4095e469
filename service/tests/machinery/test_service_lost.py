"""What the database and the queue do when one of them is behind: in one process, with a real Valkey."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import pytest
from openbeam.errors import ServiceUnavailable
from openbeam.models import (
    LeaseRef,
    RenewRequest,
    ResultsRequest,
)
from openbeam.states import FINAL_RUN_STATES, RunState, TaskState
from openbeam_service.runs import cache
from openbeam_service.runs import store as runs
from openbeam_service.tasks import lost
from openbeam_service.tasks.queue import queue_answers
from redis import ConnectionError as QueueAway
from service_bench import STATUS, Bench
from service_kit import body, chunk_result, total


def test_a_task_that_never_reached_the_queue_is_put_there(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "GRACE", lost.GRACE * 0)

    async def test(b: Bench) -> None:
        def away(*_: Any, **__: Any) -> None:
            raise QueueAway

        with monkeypatch.context() as patch:
            patch.setattr(b.backend.queue, "enqueue", away)
            task_id = b.submit()
        assert await b.lease() == []
        b.backend.remember_forgotten()
        (leased,) = await b.lease()
        assert leased.task_id == task_id
        b.backend.remember_forgotten()
        assert b.give(leased, {"value": 1})

    bench(test)


def test_a_queue_that_has_lost_everything_gets_it_again(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "GRACE", lost.GRACE * 0)

    async def test(b: Bench) -> None:
        first, second = b.submit(), b.submit()
        run_id = b.run()
        held = await b.lease()
        third = b.submit()
        b.backend.queue.connection.flushall()
        b.backend.remember_forgotten()
        again = await b.lease()
        assert {task.task_id for task in again} == {first, second, third, b.tasks(run_id)[0].id}
        assert not b.give(held[0], {"value": "late"})
        assert all(b.give(task, {"value": 1} if task.kind == "call" else chunk_result(100)) for task in again)
        assert b.task(first).attempts == 2
        b.backend.remember_forgotten()
        assert await b.lease() == []

    bench(test)


def test_a_crash_between_the_database_and_the_queue_counts_once(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def test(b: Bench) -> None:
        task_id = b.submit()
        (leased,) = await b.lease()

        def crash(*_: Any) -> None:
            raise QueueAway

        with monkeypatch.context() as patch:
            patch.setattr(b.backend.queue, "finish", crash)
            with pytest.raises(ServiceUnavailable), queue_answers():
                b.give(leased, {"value": 1})
        assert not b.give(leased, {"value": 2})
        b.lapse()
        assert await b.lease() == []
        task = b.task(task_id)
        assert (task.state, task.value, task.attempts) == (TaskState.success, '{"value":1}', 1)
        assert b.backend.queue.known(b.endpoint) == set()

    bench(test)


def test_a_task_that_is_in_the_queue_twice_counts_once(bench: Any) -> None:
    async def test(b: Bench) -> None:
        task_id = b.submit()
        (first,) = await b.lease()
        b.backend.queue.enqueue(b.endpoint, [task_id])
        (second,) = await b.lease()
        assert first.lease_id != second.lease_id
        assert not b.give(first, {"value": 1})
        assert b.give(second, {"value": 2})
        assert b.task(task_id).value == '{"value":2}'

    bench(test)


@pytest.mark.parametrize("is_late_first", [True, False])
def test_of_two_outcomes_in_one_batch_the_one_under_the_last_lease_counts(bench: Any, is_late_first: bool) -> None:
    async def test(b: Bench) -> None:
        task_id = b.submit()
        (old,) = await b.lease()
        b.lapse()
        (new,) = await b.lease()
        late = {"task_id": task_id, "lease_id": old.lease_id, "problem": {"kind": "EngineFault", "message": "x"}}
        good = {"task_id": task_id, "lease_id": new.lease_id, "body": body({"value": 1})}
        outcomes = [late, good] if is_late_first else [good, late]
        reply = b.backend.settle(b.endpoint, ResultsRequest.model_validate({"outcomes": outcomes}))
        assert (reply.accepted, reply.fenced) == ([task_id], [task_id])
        assert (b.task(task_id).state, b.task(task_id).value) == (TaskState.success, '{"value":1}')

    bench(test)


def test_an_endpoint_that_goes_away_four_times_ends_the_task(bench: Any) -> None:
    async def test(b: Bench) -> None:
        task_id = b.submit()
        for _ in range(4):
            (leased,) = await b.lease()
            b.lapse()
        task = b.task(task_id)
        assert (task.state, task.attempts) == (TaskState.failed, 4)
        assert "went away 4 times" in task.problem["message"]
        reply = b.backend.renew(
            b.endpoint,
            RenewRequest(leases=[LeaseRef(task_id=task_id, lease_id=leased.lease_id)], status=STATUS),
        )
        assert reply.stop == [task_id]
        assert await b.lease() == []

    bench(test)


def test_lost_leases_and_problems_share_one_number_of_retries(bench: Any) -> None:
    async def test(b: Bench) -> None:
        task_id = b.submit()
        for _ in range(3):
            await b.lease()
            b.lapse()
        (leased,) = await b.lease()
        outcome = {"kind": "EngineFault", "message": "x", "retry": True}
        wire = {"task_id": task_id, "lease_id": leased.lease_id, "problem": outcome}
        assert b.backend.settle(b.endpoint, ResultsRequest.model_validate({"outcomes": [wire]})).accepted == [task_id]
        assert b.task(task_id).state is TaskState.failed
        assert await b.lease() == []

    bench(test)


def test_chunks_that_wait_for_another_runs_are_released_when_it_fails(bench: Any) -> None:
    async def test(b: Bench) -> None:
        runs = [b.run() for _ in range(3)]
        (leader,) = await b.lease()
        assert await b.lease() == []
        assert [task.parked for run in runs for task in b.tasks(run)].count(True) == 2
        outcome = {"kind": "FunctionRaised", "message": "x"}
        wire = {"task_id": leader.task_id, "lease_id": leader.lease_id, "problem": outcome}
        b.backend.settle(b.endpoint, ResultsRequest.model_validate({"outcomes": [wire]}))
        (second,) = await b.lease()
        assert b.give(second, chunk_result(100))
        assert await b.lease() == []
        states = sorted((task.state.value, task.cached) for run in runs for task in b.tasks(run))
        assert states == [("failed", False), ("success", False), ("success", True)]

    bench(test)


def test_chunks_that_wait_for_a_lost_one_wait_on(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "GRACE", lost.GRACE * 0)

    async def test(b: Bench) -> None:
        runs = [b.run() for _ in range(2)]
        await b.lease()
        b.lapse()
        b.backend.remember_forgotten()
        (again,) = await b.lease()
        assert b.give(again, chunk_result(100))
        assert [task.state for run in runs for task in b.tasks(run)] == [TaskState.success] * 2

    bench(test)


def test_chunks_that_wait_for_nobody_are_found(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "GRACE", lost.GRACE * 0)

    async def test(b: Bench) -> None:
        runs = [b.run() for _ in range(2)]
        (leader,) = await b.lease()
        for _ in range(4):
            b.lapse()
            await b.lease()
        b.lapse()
        assert b.task(leader.task_id).state is TaskState.failed
        b.backend.remember_forgotten()
        (other,) = await b.lease()
        assert b.give(other, chunk_result(100))
        assert {task.state for run in runs for task in b.tasks(run)} == {TaskState.failed, TaskState.success}

    bench(test)


def test_a_fresh_run_computes_though_others_compute_the_same(bench: Any) -> None:
    async def test(b: Bench) -> None:
        b.run()
        held = await b.lease()
        b.run(fresh=True)
        held += await b.lease()
        assert len(held) == 2
        assert all(b.give(task, chunk_result(100)) for task in held)
        b.run(fresh=True)
        (task,) = await b.lease()
        assert base64.b64decode(task.body)

    bench(test)


def test_what_ended_long_ago_is_forgotten_and_the_run_stays(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "KEEP_DAYS", 0)

    async def test(b: Bench) -> None:
        run_id, task_id = b.run(), b.submit()
        for task in await b.lease():
            assert b.give(task, {"value": 1} if task.kind == "call" else chunk_result(100))
        await b.backend.notifier.wait(
            run_id, 5, lambda: asyncio.to_thread(b.state, run_id), FINAL_RUN_STATES.__contains__
        )
        with b.backend.sessions.begin() as db:
            cache.forget_old(db)
        assert b.tasks(run_id) == []
        assert b.task(task_id).value == '{"value":1}'
        with b.backend.sessions() as db:
            (shown,) = runs.shown_runs(db, [runs.find_run(db, b.caller, run_id)])
            assert total(json.loads(b.backend.gatherer.histograms(db, run_id))) == 100
        assert (shown.state, shown.account.events_processed) == (RunState.complete, 100)

    bench(test)
