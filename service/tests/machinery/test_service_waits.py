"""People who wait are told how many tasks go first, and about how long that takes."""

from __future__ import annotations

import json
from typing import Any

from openbeam.models import TaskSubmit
from openbeam_service.runs.store import find_run, shown_runs
from openbeam_service.tasks import store
from service_bench import Bench
from service_kit import chunk_result


def _shown(b: Bench, task_id: str) -> Any:
    with b.backend.sessions() as db:
        row = store.find_task(db, b.caller, task_id)
        return b.backend.waits.task(row, store.shown_task(row))


def _shown_run(b: Bench, run_id: str) -> Any:
    with b.backend.sessions() as db:
        return b.backend.waits.run(db, shown_runs(db, [find_run(db, b.caller, run_id)])[0])


def test_a_call_has_a_place_and_after_the_first_ends_a_time(bench: Any) -> None:
    async def test(b: Bench) -> None:
        ids = [b.backend.submit_call(b.caller, TaskSubmit(function="f")).id for _ in range(15)]
        assert [_shown(b, ids[index]).waiting.model_dump() for index in (0, 14)] == [
            {"position": 0, "seconds": None},
            {"position": 14, "seconds": None},
        ]
        held = await b.lease()
        assert _shown(b, ids[0]).waiting is None
        for task in held:
            assert b.give(task, {"value": 1})
        waiting = _shown(b, ids[14]).waiting
        assert waiting.position == 4
        assert 0 < waiting.seconds <= 60
        assert _shown(b, ids[0]).waiting is None

    bench(test)


def test_a_run_says_it_in_its_activity(bench: Any) -> None:
    async def test(b: Bench) -> None:
        for _ in range(12):
            b.submit()
        for task in await b.lease():
            assert b.give(task, {"value": 1})
        for _ in range(5):
            b.submit()
        with b.backend.sessions.begin() as db:
            find_run(db, b.caller, run_id := b.run(fresh=True))
        (chunk,) = b.tasks(run_id)
        b.backend.queue.remove(b.endpoint, [chunk.id])
        assert _shown_run(b, run_id).waiting is None
        b.backend.queue.enqueue(b.endpoint, [chunk.id], who=b.caller.user_id)
        shown = _shown_run(b, run_id)
        assert shown.waiting.position == 7
        assert shown.activity.startswith("waiting for a worker, 7 tasks go first, about ")
        for task in await b.lease():
            assert b.give(task, chunk_result(100) if task.kind == "chunk" else {"value": 1})
        assert _shown_run(b, run_id).waiting is None
        assert json.loads(_shown_run(b, run_id).model_dump_json())["waiting"] is None

    bench(test)
