"""Many calls at once, how they stand, and their results as they come."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest
from openbeam.sse import Decoder
from service_kit import PLAIN, Agent, Machine, body

Unique = Callable[[str], str]
Follow = Callable[..., "Follower"]
ENDPOINT = "batches"


@pytest.fixture(scope="module", autouse=True)
def function(operator: httpx.Client) -> None:
    schema = {"type": "object", "properties": {"x": {"type": "number", "maximum": 9}}}
    spec = {"name": "twice", "source": PLAIN, "entrypoint": "double", "visibility": "public", "parameters": schema}
    assert operator.post("/functions", json=spec).status_code in {200, 201}


def _call(*args: Any, **more: Any) -> dict[str, Any]:
    return {"function": "twice", "endpoint": ENDPOINT, "args": args, **more}


@pytest.mark.parametrize("word", ["batch", "status"])
def test_a_word_is_not_the_id_of_a_task(operator: httpx.Client, word: str) -> None:
    answer = operator.get(f"/tasks/{word}")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")
    assert answer.json()["error"]["message"] == "GET is not possible here."
    assert operator.get(f"/tasks/{word}s").json()["error"]["kind"] == "UnknownTask"


def _batch(client: httpx.Client, calls: list[dict[str, Any]], group: str, first: int = 0) -> httpx.Response:
    return client.post("/tasks/batch", json={"group": group, "first": first, "calls": calls})


def _submit(client: httpx.Client, count: int, group: str, first: int = 0) -> list[str]:
    answer = _batch(client, [_call(number) for number in range(count)], group, first)
    assert answer.status_code == 201, answer.text
    return list(answer.json()["ids"])


def _work(agent: Agent, count: int) -> None:
    """Give every task its own id. On a busy machine a short lease may lapse, and the task comes again."""
    while count > 0:
        outcomes = [(task, {"body": body({"value": task.task_id})}) for task in agent.lease(want=64)]
        count -= len(agent.send(*outcomes)["accepted"])


class Follower:
    """A stream of results, and what has come of it."""

    def __init__(self, client: httpx.Client, *groups: str, last_id: str = "") -> None:
        self.tasks: list[dict[str, Any]] = []
        self.last_id = last_id
        self._client, self._groups = client, groups
        self._events = self._read()

    def _read(self) -> Generator[None]:
        headers = {"Last-Event-ID": self.last_id} if self.last_id else {}
        decoder = Decoder()
        with self._client.stream("GET", "/tasks/events", params={"group": self._groups}, headers=headers) as answer:
            assert answer.status_code == 200
            for event in decoder.feed(answer.iter_bytes()):
                self.last_id = event.id
                self.tasks += json.loads(event.data)["tasks"]
                yield

    def close(self) -> None:
        # By hand: left to the garbage collector, it might be closed inside a lock that closing takes.
        self._events.close()

    def wait_for(self, count: int) -> list[str]:
        while len(self.tasks) < count:
            next(self._events)
        return [task["id"] for task in self.tasks]


@pytest.fixture
def follow() -> Iterator[Callable[..., Follower]]:
    """Return a function that follows groups; all streams end with the test."""
    with ExitStack() as stack:

        def start(client: httpx.Client, *groups: str, last_id: str = "") -> Follower:
            follower = Follower(client, *groups, last_id=last_id)
            stack.callback(follower.close)
            return follower

        yield start


def test_a_batch_is_as_many_tasks_in_order(operator: httpx.Client, agent: Agent) -> None:
    group = str(uuid.uuid4())
    ids = _submit(operator, 5, group)
    ids += _submit(operator, 3, group, first=5)
    assert len(set(ids)) == 8
    stands = operator.post("/tasks/status", json={"group": group}).json()["tasks"]
    assert [(task["id"], task["number"], task["state"], task["group"]) for task in stands] == [
        (task_id, number, "queued", group) for number, task_id in enumerate(ids)
    ]
    rest = operator.post("/tasks/status", json={"group": group, "first": 6}).json()["tasks"]
    assert [task["id"] for task in rest] == ids[6:]
    leased = agent.lease(want=8)
    assert [task.task_id for task in leased] == ids
    for task in leased:
        assert agent.give(task, {"value": 1})
    some = operator.post("/tasks/status", json={"ids": [ids[3], str(uuid.uuid4())]}).json()["tasks"]
    assert [(task["id"], task["state"]) for task in some] == [(ids[3], "success")]


def test_a_batch_sent_again_is_the_same_batch(operator: httpx.Client, agent: Agent) -> None:
    group = str(uuid.uuid4())
    ids = _submit(operator, 4, group)
    assert _submit(operator, 4, group) == ids
    leased = agent.lease(want=8)
    assert [task.task_id for task in leased] == ids
    for task in leased:
        assert agent.give(task, {"value": 1})
    assert _submit(operator, 4, group) == ids
    assert agent.lease(wait=0) == []
    overlap = _batch(operator, [_call(1)] * 3, group, first=2)
    assert (overlap.status_code, overlap.json()["error"]["kind"]) == (409, "Conflict")


def test_groups_of_two_people_never_meet(
    machine: Machine, operator: httpx.Client, agent: Agent, unique: Unique, follow: Follow
) -> None:
    mia, group = machine.person(unique("mia")), str(uuid.uuid4())
    hers, mine = _submit(mia, 1, group), _submit(operator, 1, group)
    assert hers != mine
    _work(agent, 2)
    assert follow(mia, group).wait_for(1) == hers
    assert mia.post("/tasks/status", json={"ids": [*hers, *mine]}).json()["tasks"][0]["id"] == hers[0]
    assert len(mia.post("/tasks/status", json={"group": group}).json()["tasks"]) == 1


def test_a_batch_is_refused_as_a_whole_and_says_which_calls(operator: httpx.Client, agent: Agent) -> None:
    group = str(uuid.uuid4())
    calls = [_call(1), _call(function="twise"), _call(2), _call(kwargs={"x": 10}), _call("y" * 1_100_000)]
    answer = _batch(operator, calls, group)
    error = answer.json()["error"]
    assert (answer.status_code, error["kind"]) == (422, "CallsRefused")
    said = [(call["index"], call["error"]["kind"]) for call in error["details"]["calls"]]
    assert said == [(1, "UnknownFunction"), (3, "InvalidParameter"), (4, "TooLarge")]
    assert "3 of 5 calls" in error["message"]
    assert operator.post("/tasks/status", json={"group": group}).json() == {"tasks": []}
    assert agent.lease(wait=0) == []


@pytest.mark.parametrize(
    "body",
    [
        {"group": "x", "calls": [_call(1)]},
        {"group": str(uuid.uuid4()), "calls": []},
        {"group": str(uuid.uuid4()), "calls": [_call(1)] * 1001},
        {"group": str(uuid.uuid4()), "calls": [_call(1)], "first": -1},
        {"group": str(uuid.uuid4()), "calls": [_call(1)], "first": 2**31},
    ],
    ids=["group", "none", "too many", "before", "beyond"],
)
def test_a_batch_has_bounds(operator: httpx.Client, body: dict[str, Any]) -> None:
    assert operator.post("/tasks/batch", json=body).status_code == 422


def test_results_are_pushed_as_they_come(operator: httpx.Client, agent: Agent, follow: Follow) -> None:
    group = str(uuid.uuid4())
    early = _submit(operator, 3, group)
    _work(agent, 3)
    follower = follow(operator, group)
    assert set(follower.wait_for(3)) == set(early)
    late = _submit(operator, 600, group, first=3)
    working = threading.Thread(target=_work, args=(agent, 600))
    working.start()
    seen = follower.wait_for(603)
    working.join()
    assert sorted(seen) == sorted([*early, *late])
    assert {task["id"]: task["result"] for task in follower.tasks} == {task_id: task_id for task_id in seen}


def test_a_stream_goes_on_where_it_broke(operator: httpx.Client, agent: Agent, follow: Follow) -> None:
    group = str(uuid.uuid4())
    ids = _submit(operator, 2, group)
    _work(agent, 2)
    follower = follow(operator, group)
    follower.wait_for(2)
    later = _submit(operator, 2, group, first=2)
    _work(agent, 2)
    again = follow(operator, group, last_id=follower.last_id)
    assert set(later) <= set(again.wait_for(2)) <= {*ids, *later}
    assert set(follow(operator, group, last_id="nonsense").wait_for(4)) == {*ids, *later}


def test_a_single_call_is_a_group_of_its_own(operator: httpx.Client, agent: Agent, follow: Follow) -> None:
    task_id = operator.post("/tasks", json=_call(1)).json()["id"]
    _work(agent, 1)
    assert follow(operator, task_id).wait_for(1) == [task_id]


def test_a_stream_needs_groups(operator: httpx.Client) -> None:
    for groups in ([], ["x"], [str(uuid.uuid4())] * 101):
        assert operator.get("/tasks/events", params={"group": groups}).status_code == 422
