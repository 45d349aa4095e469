from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable

import httpx
import pytest
from openbeam.models import Role
from service_kit import PLAIN, Agent, Machine

ENDPOINT = "calls"


@pytest.fixture(scope="module", autouse=True)
def function(operator: httpx.Client) -> None:
    spec = {"name": "double", "source": PLAIN, "entrypoint": "double", "visibility": "public"}
    assert operator.post("/functions", json=spec).status_code in {200, 201}


def _submit(client: httpx.Client, **more: object) -> str:
    answer = client.post("/tasks", json={"function": "double", "endpoint": ENDPOINT, "args": [21], **more})
    assert answer.status_code == 201, answer.text
    assert answer.json()["state"] == "queued"
    return str(answer.json()["id"])


def test_a_call_goes_to_the_agent_and_its_result_comes_back(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator, kwargs={"y": 1})
    (leased,) = agent.lease()
    assert leased.task_id == task_id
    assert leased.files == []
    asked = json.loads(base64.b64decode(leased.body))
    assert (asked["kind"], asked["entrypoint"], asked["args"], asked["kwargs"]) == ("call", "double", [21], {"y": 1})
    assert base64.b64decode(leased.code) == PLAIN.encode()
    assert agent.renew(leased, running=True) == []
    assert operator.get(f"/tasks/{task_id}").json()["state"] == "running"
    assert agent.give(leased, {"value": {"answer": 42}})
    task = operator.get(f"/tasks/{task_id}").json()
    assert (task["state"], task["result"], task["attempts"], task["error"]) == ("success", {"answer": 42}, 1, None)
    assert task["function"].startswith("double@")
    assert task["created"] <= task["started"] <= task["ended"]


def test_who_waits_is_woken_at_once(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    (leased,) = agent.lease()
    woken: list[float] = []

    def wait() -> None:
        answer = operator.get(f"/tasks/{task_id}", params={"wait": 20})
        woken.append(time.monotonic())
        assert answer.json()["state"] == "success"

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.3)
    given = time.monotonic()
    assert agent.give(leased, {"value": 42})
    waiter.join()
    assert woken[0] - given < 0.5


def test_an_agent_that_waits_is_woken_at_once(operator: httpx.Client, agent: Agent) -> None:
    got: list[float] = []

    def wait() -> None:
        leased = agent.lease(wait=20)
        got.append(time.monotonic())
        assert agent.give(leased[0], {"value": None})

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.3)
    sent = time.monotonic()
    _submit(operator)
    waiter.join()
    assert got[0] - sent < 0.5


def test_a_lost_lease_goes_back_and_a_late_result_is_fenced(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    (first,) = agent.lease()
    started = time.monotonic()
    (second,) = agent.lease(wait=10)
    assert second.task_id == task_id
    assert second.lease_id != first.lease_id
    assert time.monotonic() - started < 3.5
    assert agent.renew(first) == [task_id]
    assert agent.send((first, {"body": base64.b64encode(b'{"value": 1}').decode()}))["fenced"] == [task_id]
    assert agent.give(second, {"value": 2})
    task = operator.get(f"/tasks/{task_id}").json()
    assert (task["result"], task["attempts"]) == (2, 2)


def test_a_renewed_lease_lasts(operator: httpx.Client, agent: Agent) -> None:
    _submit(operator)
    (leased,) = agent.lease()
    for _ in range(6):
        time.sleep(0.4)
        assert agent.renew(leased) == []
    assert agent.give(leased, {"value": 1})


def test_a_result_counts_once(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    (leased,) = agent.lease()
    outcome = {"body": base64.b64encode(b'{"value": 1}').decode()}
    assert agent.send((leased, outcome), (leased, outcome)) == {"accepted": [task_id], "fenced": [task_id]}
    assert agent.send((leased, outcome)) == {"accepted": [], "fenced": [task_id]}


def test_a_problem_that_may_pass_is_tried_three_times(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    for _ in range(3):
        (leased,) = agent.lease()
        assert agent.complain(leased, "EngineFault", "No room.", retry=True)
    task = operator.get(f"/tasks/{task_id}").json()
    assert (task["state"], task["attempts"]) == ("failed", 3)
    assert task["error"]["message"] == "Tried 3 times. No room."
    assert agent.lease(wait=0) == []


def test_a_problem_of_the_author_is_final(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    (leased,) = agent.lease()
    assert agent.complain(leased, "FunctionRaised", "KeyError: 'x'", retry=False, type="KeyError", line=3)
    task = operator.get(f"/tasks/{task_id}").json()
    assert (task["state"], task["error"]["kind"], task["error"]["details"]["line"]) == ("failed", "FunctionRaised", 3)


def test_a_task_that_kills_two_workers_is_poison(operator: httpx.Client, agent: Agent) -> None:
    task_id = _submit(operator)
    for _ in range(2):
        (leased,) = agent.lease()
        assert agent.complain(leased, "WorkerKilled", "Out of memory.", retry=True, signal=9)
    task = operator.get(f"/tasks/{task_id}").json()
    assert (task["state"], task["attempts"]) == ("failed", 2)
    assert "lost in 2 different places" in task["error"]["message"]


UNREADABLE = {
    "text": b"not json",
    "nan": b'{"value": NaN}',
    "other": b'{"other": 1}',
    "endless": b"[" * 100_000,
    "surrogate": b'{"value": "\\ud800"}',
    "deep": b'{"value": ' + b"[" * 300 + b"]" * 300 + b"}",
}


@pytest.mark.parametrize("raw", UNREADABLE.values(), ids=UNREADABLE)
def test_a_result_that_cannot_be_read_fails_the_task(operator: httpx.Client, agent: Agent, raw: bytes) -> None:
    task_id = _submit(operator)
    (leased,) = agent.lease()
    assert agent.send((leased, {"body": base64.b64encode(raw).decode()}))["accepted"] == [task_id]
    task = operator.get(f"/tasks/{task_id}").json()
    assert (task["state"], task["error"]["kind"]) == ("failed", "ResultRefused")


def test_an_agent_cannot_touch_tasks_of_another_endpoint(
    machine: Machine, operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    other = machine.agent(operator, unique("other"))
    task_id = _submit(operator)
    assert other.lease(wait=0) == []
    (leased,) = agent.lease()
    assert other.renew(leased) == [task_id]
    assert not other.give(leased, {"value": "forged"})
    assert agent.give(leased, {"value": "true"})
    assert operator.get(f"/tasks/{task_id}").json()["result"] == "true"


def test_a_person_is_not_an_agent(operator: httpx.Client) -> None:
    answer = operator.post("/agent/results", json={"outcomes": []})
    assert answer.status_code == 403
    assert answer.json()["error"]["kind"] == "NotAllowed"


def test_tasks_are_their_submitters(machine: Machine, operator: httpx.Client, agent: Agent) -> None:
    mia = machine.person("mia-tasks")
    task_id = _submit(mia)
    assert operator.get(f"/tasks/{task_id}").status_code == 200
    assert machine.person("max-tasks").get(f"/tasks/{task_id}").json()["error"]["kind"] == "UnknownTask"
    (leased,) = agent.lease()
    assert agent.give(leased, {"value": 1})


@pytest.mark.parametrize(
    ("submit", "kind", "words"),
    [
        ({"function": "dubble"}, "UnknownFunction", "Did you mean double?"),
        ({"function": "double@99"}, "UnknownFunction", "double@1"),
        ({"function": "double", "endpoint": "cals"}, "UnknownEndpoint", "Did you mean calls"),
        ({"function": "double", "args": ["x" * 1_100_000]}, "TooLarge", "1,048,576"),
    ],
)
def test_what_cannot_be_submitted_says_why(
    operator: httpx.Client, agent: Agent, submit: dict[str, object], kind: str, words: str
) -> None:
    error = operator.post("/tasks", json={"endpoint": agent.name, **submit}).json()["error"]
    assert error["kind"] == kind
    assert words in error["message"]


def test_without_isolation_only_the_owners_functions_run(
    machine: Machine, operator: httpx.Client, unique: Callable[[str], str]
) -> None:
    teacher = machine.person(unique("teacher"), Role.teacher)
    bare = machine.agent(teacher, unique("bare"), isolation="none")
    bare.lease(wait=0)
    answer = operator.post("/tasks", json={"function": "double", "endpoint": bare.id, "args": [1]})
    assert answer.status_code == 403
    assert "no isolation" in answer.json()["error"]["message"]
    own = {"name": unique("own"), "source": PLAIN, "entrypoint": "double"}
    assert teacher.post("/functions", json=own).status_code == 201
    answer = teacher.post("/tasks", json={"function": own["name"], "endpoint": bare.name, "args": [1]})
    assert answer.status_code == 201
    (leased,) = bare.lease()
    assert bare.give(leased, {"value": 2})


def test_isolation_is_looked_at_again_when_work_goes_out(
    machine: Machine, operator: httpx.Client, unique: Callable[[str], str]
) -> None:
    teacher = machine.person(unique("teacher"), Role.teacher)
    agent = machine.agent(teacher, unique("changing"))
    agent.lease(wait=0)
    answer = operator.post("/tasks", json={"function": "double", "endpoint": agent.id, "args": [1]})
    agent.status["isolation"] = "none"
    assert agent.lease(wait=0.5) == []
    task = operator.get(f"/tasks/{answer.json()['id']}", params={"wait": 5}).json()
    assert task["state"] == "failed"
    assert "has no isolation" in task["error"]["message"]


def test_arguments_are_checked_against_the_schema(operator: httpx.Client, unique: Callable[[str], str]) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "number", "maximum": 120, "x-unit": "GeV"}}}
    name = unique("bounded")
    spec = {"name": name, "source": PLAIN, "entrypoint": "double", "parameters": schema}
    assert operator.post("/functions", json=spec).status_code == 201
    error = operator.post("/tasks", json={"function": name, "kwargs": {"x": 200}}).json()["error"]
    assert error["kind"] == "InvalidParameter"
    assert error["details"]["parameter"] == "x"
    assert error["details"]["reason"] == "must be at most 120 GeV"


@pytest.mark.parametrize("args", ['["\\ud800"]', "[" * 300 + "]" * 300, "[NaN]", "[1e999]"])
def test_arguments_that_could_not_be_sent_on_are_refused(operator: httpx.Client, agent: Agent, args: str) -> None:
    submit = f'{{"function": "double", "endpoint": "{ENDPOINT}", "args": {args}}}'
    answer = operator.post("/tasks", content=submit, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["kind"]) == (422, "InvalidInput")
    assert agent.lease(wait=0) == []


def test_an_agent_that_hangs_up_while_it_waits_loses_no_task(operator: httpx.Client, agent: Agent) -> None:
    with pytest.raises(httpx.ReadTimeout):
        agent.post("lease", {"want": 1, "wait": 20, "status": agent.status}, timeout=0.5)
    task_id = _submit(operator)
    (leased,) = agent.lease(wait=10)
    assert leased.task_id == task_id
    assert agent.give(leased, {"value": 1})
    assert operator.get(f"/tasks/{task_id}").json()["attempts"] == 1


def test_an_endpoint_is_online_while_its_agent_calls(
    machine: Machine, operator: httpx.Client, unique: Callable[[str], str]
) -> None:
    agent = machine.agent(operator, unique("seen"))
    path = f"/endpoints/{agent.name}"
    before = operator.get(path).json()
    assert (before["online"], before["status"], before["waiting"]) == (False, None, 0)
    for _ in range(3):
        assert operator.post("/tasks", json={"function": "double", "endpoint": agent.id}).status_code == 201
    agent.renew()
    seen = operator.get(path).json()
    assert (seen["online"], seen["status"] | agent.status, seen["waiting"]) == (True, seen["status"], 3)
    for leased in agent.lease():
        assert agent.give(leased, {"value": None})
    assert operator.get(path).json()["waiting"] == 0
