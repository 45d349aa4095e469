"""Cancelled: it ends at once, its agent is told, nothing of it counts any more, and nobody else is disturbed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from openbeam.errors import Conflict
from openbeam.models import TaskKind, TaskSubmit
from openbeam.states import RunState, TaskState
from openbeam_service.audit.models import AuditRow
from openbeam_service.tasks import lost
from redis import ConnectionError as QueueAway
from service_analyses import chunks, size
from service_bench import Bench
from service_kit import ANALYSIS, PLAIN, Agent, Machine, chunk_result, total
from sqlalchemy import select

FILE = {"uri": "root://eos.example//cancel.root", "size": 1000, "checksum": "adler32:000000ca"}
OFFSETS = {FILE["checksum"]: [0, 40_000]}
ENDPOINT = "cancels"


@pytest.fixture(scope="module", autouse=True)
def published(operator: httpx.Client) -> None:
    spec = {"name": "twice", "source": PLAIN, "entrypoint": "double", "visibility": "public"}
    assert operator.post("/functions", json=spec).status_code in {200, 201}
    data = {"name": "cancel", "title": "cancel", "files": [FILE], "layout": "flat", "tree": "t"}
    assert operator.post("/datasets", json=data).status_code in {200, 201}


@pytest.fixture
def start(operator: httpx.Client, unique: Callable[[str], str]) -> Callable[[], str]:
    """Return what starts a run that nobody has had before."""

    def submit() -> str:
        name = unique("stopped")
        spec = {"name": name, "kind": "analysis", "source": f"{ANALYSIS}# {name}\n", "entrypoint": "analyze"}
        assert operator.post("/functions", json=spec).status_code == 201
        answer = operator.post("/runs", json={"function": name, "dataset": "cancel", "endpoint": ENDPOINT})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    return submit


def _call(client: httpx.Client) -> str:
    answer = client.post("/tasks", json={"function": "twice", "endpoint": ENDPOINT, "args": [21]})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _ended(client: httpx.Client, run_id: str) -> dict[str, Any]:
    """Return a cancelled run once its histograms have been added up."""
    deadline = time.monotonic() + 10
    with client.stream("GET", f"/runs/{run_id}/events", timeout=20) as answer:
        for line in answer.iter_lines():
            assert time.monotonic() < deadline
            if line == "event: end":
                break
    return dict(client.get(f"/runs/{run_id}").json())


# ------------------------------------------------------------------------------------------------ calls
def test_a_call_that_waits_never_goes_out(operator: httpx.Client, agent: Agent) -> None:
    unwanted, wanted = _call(operator), _call(operator)
    task = operator.post(f"/tasks/{unwanted}/cancel").json()
    assert (task["state"], task["error"]["kind"]) == ("cancelled", "TaskCancelled")
    assert operator.get("/endpoints/cancels").json()["waiting"] == 1
    (leased,) = agent.lease()
    assert leased.task_id == wanted
    assert agent.give(leased, {"value": 1})
    assert agent.lease(wait=0) == []


def test_a_call_under_way_ends_at_once_and_its_result_does_not_count(operator: httpx.Client, agent: Agent) -> None:
    task_id = _call(operator)
    (leased,) = agent.lease()
    assert agent.renew(leased, running=True) == []
    woken: list[str] = []
    waiter = threading.Thread(
        target=lambda: woken.append(operator.get(f"/tasks/{task_id}", params={"wait": 20}).json()["state"])
    )
    waiter.start()
    assert operator.post(f"/tasks/{task_id}/cancel").json()["state"] == "cancelled"
    waiter.join(10)
    assert woken == ["cancelled"]
    assert agent.renew(leased) == [task_id]
    assert not agent.give(leased, {"value": "late"})
    assert operator.get(f"/tasks/{task_id}").json()["result"] is None


def test_an_agent_that_listens_hears_of_it(operator: httpx.Client, agent: Agent) -> None:
    def listen(wait: float) -> bool:
        return bool(agent.post("stops", {"wait": wait}).json()["stop"])

    assert not listen(0.1)
    task_id = _call(operator)
    (leased,) = agent.lease()
    heard: list[bool] = []
    listener = threading.Thread(target=lambda: heard.append(listen(20)))
    listener.start()
    # Once it is surely listening: a word that nobody hears is told by the next renewal.
    time.sleep(0.5)
    operator.post(f"/tasks/{task_id}/cancel")
    listener.join(15)
    assert heard == [True]
    assert agent.renew(leased) == [task_id]


def test_what_has_ended_stays_as_it_is(operator: httpx.Client, agent: Agent) -> None:
    task_id = _call(operator)
    (leased,) = agent.lease()
    assert agent.give(leased, {"value": 7})
    for _ in range(2):
        answer = operator.post(f"/tasks/{task_id}/cancel")
        assert (answer.status_code, answer.json()["state"], answer.json()["result"]) == (200, "success", 7)
    again = _call(operator)
    first, second = (operator.post(f"/tasks/{again}/cancel").json() for _ in range(2))
    assert first == second


# ------------------------------------------------------------------------------------------------ runs
def test_a_run_keeps_what_it_had_and_says_what_it_lacks(
    operator: httpx.Client, agent: Agent, start: Callable[[], str]
) -> None:
    run_id = start()
    done, held = chunks(agent, 2, OFFSETS)
    assert agent.give(done, chunk_result(size(done)))
    answer = operator.post(f"/runs/{run_id}/cancel")
    assert (answer.status_code, answer.json()["state"]) == (200, "cancelled")
    assert agent.renew(held) == [held.task_id]
    assert not agent.give(held, chunk_result(size(held)))
    assert agent.lease(wait=0) == []
    run = _ended(operator, run_id)
    account = run["account"]
    assert (account["chunks"], account["chunks_done"], account["chunks_cancelled"]) == (4, 1, 3)
    assert account["events_processed"] + account["events_cancelled"] == account["events_expected"] == 40_000
    assert account["events_failed"] == 0
    assert total(operator.get(f"/runs/{run_id}/histograms").json()) == size(done)
    assert operator.post(f"/runs/{run_id}/cancel").json() == run


def test_a_run_that_is_being_planned_ends_and_what_is_found_in_its_file_is_kept(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    other = {**FILE, "checksum": "adler32:000000cb"}
    data = {"name": unique("planned"), "title": "planned", "files": [other], "layout": "flat", "tree": "t"}
    assert operator.post("/datasets", json=data).status_code == 201
    name = unique("stopped")
    spec = {"name": name, "kind": "analysis", "source": ANALYSIS, "entrypoint": "analyze"}
    assert operator.post("/functions", json=spec).status_code == 201
    asked = {"function": name, "dataset": data["name"], "endpoint": ENDPOINT}
    run_id = operator.post("/runs", json=asked).json()["id"]
    (look,) = agent.lease()
    assert operator.post(f"/runs/{run_id}/cancel").json()["state"] == "cancelled"
    assert agent.give(look, agent.compute(look, {other["checksum"]: [0, 10]}))
    assert _ended(operator, run_id)["account"]["chunks"] == 0
    assert operator.get(f"/runs/{run_id}/histograms").json() == {}
    assert agent.lease(wait=0.3) == []
    again = operator.post("/runs", json=asked).json()
    assert again["state"] == "running"
    assert operator.post(f"/runs/{again['id']}/cancel").json()["state"] == "cancelled"


def test_watchers_see_the_end(operator: httpx.Client, agent: Agent, start: Callable[[], str]) -> None:
    run_id = start()
    chunks(agent, 1, OFFSETS)
    seen: list[str] = []

    def watch() -> None:
        with operator.stream("GET", f"/runs/{run_id}/events", timeout=20) as answer:
            seen.extend(line for line in answer.iter_lines() if line.startswith("event:"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    time.sleep(0.3)
    operator.post(f"/runs/{run_id}/cancel")
    watcher.join(15)
    assert not watcher.is_alive()
    assert seen[-1] == "event: end"


def test_who_may_not_look_may_not_stop(
    machine: Machine, operator: httpx.Client, agent: Agent, start: Callable[[], str], unique: Callable[[str], str]
) -> None:
    other = machine.person(unique("other"))
    task_id, run_id = _call(operator), start()
    assert other.post(f"/tasks/{task_id}/cancel").status_code == 404
    assert other.post(f"/runs/{run_id}/cancel").status_code == 404
    assert operator.get(f"/tasks/{task_id}").json()["state"] == "queued"
    assert operator.post(f"/tasks/{task_id}/cancel").status_code == 200
    assert operator.post(f"/runs/{run_id}/cancel").status_code == 200
    # A look into the file goes on, whoever asked for it.
    assert [one for one in agent.lease(wait=0) if one.kind is not TaskKind.inspect] == []


# ------------------------------------------------------------------------------------------------ in one process
def test_a_part_of_a_run_is_not_cancelled_alone(bench: Any) -> None:
    async def test(b: Bench) -> None:
        (chunk,) = b.tasks(b.run())
        with pytest.raises(Conflict, match="Cancel run"):
            b.backend.cancel_call(b.caller, chunk.id)
        assert b.task(chunk.id).state is TaskState.queued

    bench(test)


def test_chunks_that_waited_for_a_stopped_one_are_computed(bench: Any) -> None:
    async def test(b: Bench) -> None:
        runs = [b.run() for _ in range(3)]
        (leader,) = await b.lease()
        first = b.task(leader.task_id).run_id
        others = [run for run in runs if run != first]
        assert await b.lease() == []
        b.backend.cancel_run(b.caller, first)
        (second,) = await b.lease()
        assert b.give(second, chunk_result(100))
        assert [b.tasks(run)[0].state for run in others] == [TaskState.success] * 2
        assert b.tasks(first)[0].state is TaskState.cancelled

    bench(test)


def test_a_stop_while_the_queue_is_away_holds(bench: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "GRACE", lost.GRACE * 0)

    async def test(b: Bench) -> None:
        def away(*_: Any, **__: Any) -> None:
            raise QueueAway

        held = b.submit()
        (leased,) = await b.lease()
        waiting = b.submit()
        with monkeypatch.context() as patch:
            patch.setattr(b.backend.queue, "remove", away)
            patch.setattr(b.backend.queue, "finish", away)
            assert {b.backend.cancel_call(b.caller, one).state for one in (held, waiting)} == {TaskState.cancelled}
        assert not b.give(leased, {"value": 1})
        b.lapse()
        b.backend.remember_forgotten()
        assert await b.lease() == []
        assert b.backend.queue.known(b.endpoint) == set()

    bench(test)


def test_a_large_run_leaves_nothing_in_the_queue(bench: Any) -> None:
    async def test(b: Bench) -> None:
        many = [b.submit() for _ in range(30)]
        keeper = b.submit()
        await b.lease()
        for task_id in many:
            b.backend.cancel_call(b.caller, task_id)
        assert b.backend.queue.known(b.endpoint) == {keeper}
        left = {key.decode() for key in b.backend.queue.connection.keys("rq:job:*")}
        assert left == {f"rq:job:{keeper}"}

    bench(test)


def test_who_cancelled_what_is_on_record_once(bench: Any) -> None:
    async def test(b: Bench) -> None:
        run_id, task_id = b.run(), b.backend.submit_call(b.caller, TaskSubmit(function="f", args=[1])).id
        for _ in range(2):
            assert b.backend.cancel_run(b.caller, run_id).state is RunState.cancelled
            b.backend.cancel_call(b.caller, task_id)
        with b.backend.sessions() as db:
            found = {(row.action, row.object_id): row for row in db.scalars(select(AuditRow))}
            assert len(db.scalars(select(AuditRow)).all()) == len(found)
        assert found["run.cancel", run_id].details == {"chunks": 1}
        assert found["task.cancel", task_id].endpoint_id == b.endpoint

    bench(test)
