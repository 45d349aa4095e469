"""What tasks printed is kept and shown to whoever may see the task, and where they were lost is told."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbeam.models import MAX_OUTPUT
from openbeam.states import TaskState
from openbeam_service.tasks.printed import QUIET, clean
from service_bench import Bench
from service_kit import PLAIN, Agent, Machine, body, chunk_result

ENDPOINT = "prints"


@pytest.fixture(scope="module", autouse=True)
def function(operator: httpx.Client) -> None:
    spec = {"name": "printing", "source": PLAIN, "entrypoint": "double", "visibility": "public"}
    assert operator.post("/functions", json=spec).status_code in {200, 201}


def _submit(client: httpx.Client) -> str:
    answer = client.post("/tasks", json={"function": "printing", "endpoint": ENDPOINT, "args": [1]})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _printed(out: bytes = b"", err: bytes = b"") -> dict[str, str]:
    return {"stdout": base64.b64encode(out).decode(), "stderr": base64.b64encode(err).decode()}


def _killed(worker: str) -> dict[str, Any]:
    problem = {"kind": "WorkerKilled", "message": "The task was killed (SIGKILL).", "details": {}, "retry": True}
    return {"problem": problem, "worker": worker}


# ------------------------------------------------------------------------------------------------ output
def test_output_of_a_call_is_kept(
    machine: Machine, operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    task_id = _submit(operator)
    assert operator.get(f"/tasks/{task_id}/output").json() == {"stdout": "", "stderr": ""}
    (leased,) = agent.lease()
    agent.send((leased, {"body": body({"value": 1}), "printed": _printed(b"out\n", b"\x1b[31merr\x00\r\nx\ry")}))
    assert operator.get(f"/tasks/{task_id}/output").json() == {"stdout": "out\n", "stderr": "␛[31merr␀\nx\ny"}
    other = machine.person(unique("other"))
    assert other.get(f"/tasks/{task_id}/output").json()["error"]["kind"] == "UnknownTask"


def test_output_of_a_call_that_failed_is_kept(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    (leased,) = agent.lease()
    problem = {"kind": "FunctionRaised", "message": "x", "details": {}, "retry": False}
    agent.send((leased, {"problem": problem, "printed": _printed(b"so far")}))
    assert operator.get(f"/tasks/{task_id}/output").json()["stdout"] == "so far"


@pytest.mark.parametrize("stdout", ["!", "A" * (MAX_OUTPUT * 4 // 3 + 8)])
def test_output_that_is_none_harms_nobody(operator: httpx.Client, agent: Agent, stdout: str) -> None:
    task_id = _submit(operator)
    (leased,) = agent.lease()
    sent = {"task_id": leased.task_id, "lease_id": leased.lease_id, "body": body({"value": 1})}
    answer = agent.post("results", {"outcomes": [{**sent, "printed": {"stdout": stdout}}]})
    if answer.status_code == 200:
        assert "cannot be read" in operator.get(f"/tasks/{task_id}/output").json()["stdout"]
    else:
        assert answer.status_code == 422
        assert agent.give(leased, {"value": 1})


@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_was_printed_cannot_steer_a_terminal(raw: bytes) -> None:
    text = clean(raw)
    assert not [char for char in text if (char < " " and char not in "\n\t") or "\x7f" <= char <= "\x9f"]
    assert not set(text) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
    assert text.encode().decode() == text
    assert clean(text.encode()) == text


def test_plain_text_stays_as_it_is() -> None:
    assert clean("Muons: 2 µ⁺µ⁻\n\tπ ≈ 3.14\n".encode()) == "Muons: 2 µ⁺µ⁻\n\tπ ≈ 3.14\n"


def test_a_good_chunk_keeps_little(bench: Any) -> None:
    async def test(b: Bench) -> None:
        run_id = b.run()
        (leased,) = await b.lease()
        assert b.give(leased, chunk_result(100), printed=_printed(b"x" * 60_000, b"y"))
        (chunk,) = b.tasks(run_id)
        with b.backend.sessions() as db:
            found = db.get_one(type(chunk), chunk.id)
            assert len(found.stdout or "") < QUIET + 100
            assert (found.stdout or "").count("letters left out") == 1
            assert found.stderr == "y"

    bench(test)


# ------------------------------------------------------------------------------------------------ poison
def test_two_different_workers_lost_are_enough_and_both_are_named(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    for worker in ("worker 7 of engine a", "worker 9 of engine a"):
        (leased,) = agent.lease()
        assert agent.send((leased, _killed(worker)))["accepted"] == [task_id]
    task = operator.get(f"/tasks/{task_id}").json()
    assert (task["state"], task["attempts"], task["error"]["kind"]) == ("failed", 2, "WorkerKilled")
    assert task["error"]["details"]["places"] == ["worker 7 of engine a at prints", "worker 9 of engine a at prints"]
    assert "lost in 2 different places" in task["error"]["message"]
    assert task["error"]["message"].count("SIGKILL") == 2
    assert not task["error"]["retry"]


def test_the_same_worker_lost_twice_may_be_the_workers_fault(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    for _ in range(2):
        (leased,) = agent.lease()
        agent.send((leased, _killed("worker 7 of engine a")))
    (leased,) = agent.lease()
    agent.send((leased, {"body": body({"value": 1}), "worker": "worker 8 of engine a"}))
    task = operator.get(f"/tasks/{task_id}").json()
    assert (task["state"], task["attempts"]) == ("success", 3)


def test_an_engine_that_ended_under_a_task_is_a_place(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    for engine in ("engine a", "engine b"):
        (leased,) = agent.lease()
        problem = {"kind": "EngineFault", "message": "The engine ended.", "details": {}, "retry": True}
        agent.send((leased, {"problem": problem, "worker": engine}))
    error = operator.get(f"/tasks/{task_id}").json()["error"]
    assert (error["kind"], error["details"]["places"]) == ("EngineFault", ["engine a at prints", "engine b at prints"])


def test_a_task_whose_endpoint_goes_away_after_its_worker_died_is_in_no_queue_any_more(bench: Any) -> None:
    async def test(b: Bench) -> None:
        task_id = b.submit()
        (leased,) = await b.lease()
        assert b.settle(leased, _killed("worker 1 of engine a"))
        (leased,) = await b.lease()
        b.renew(leased, running=True)
        b.lapse()
        task = b.task(task_id)
        assert (task.state, task.problem["details"]["places"]) == (
            TaskState.failed,
            ["worker 1 of engine a at e", "endpoint e"],
        )
        assert b.backend.queue.known(b.endpoint) == set()
        assert b.backend.queue.connection.keys("rq:job:*") == []

    bench(test)


def test_a_lost_lease_counts_once_the_task_ran(bench: Any) -> None:
    async def test(b: Bench) -> None:
        task_id = b.submit()
        for _ in range(2):
            (leased,) = await b.lease()
            b.renew(leased, running=True)
            b.lapse()
            assert b.task(task_id).state is TaskState.queued
        (leased,) = await b.lease()
        assert b.settle(leased, _killed("worker 1 of engine a"))
        task = b.task(task_id)
        assert (task.state, task.attempts) == (TaskState.failed, 3)
        assert task.problem["details"]["places"] == ["endpoint e", "worker 1 of engine a at e"]
        assert "went away while it had the task" in task.problem["message"]

    bench(test)
