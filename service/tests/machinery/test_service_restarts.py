"""Power cuts: Valkey or the service is killed in the middle of a run, and nothing is lost and nothing counts twice."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from service_kit import ANALYSIS, Agent, Machine, body, chunk_result, total

FILE = {"uri": "root://e//f", "size": 9, "checksum": "adler32:00000009"}
FINAL = {"complete", "incomplete", "failed"}


@pytest.fixture(scope="module")
def own(start_machine: Callable[..., Machine]) -> Machine:
    machine = start_machine(OPENBEAM_LEASE_SECONDS="20")
    with machine.client(machine.token) as operator:
        spec = {"name": "a", "kind": "analysis", "source": ANALYSIS, "entrypoint": "analyze"}
        assert operator.post("/functions", json=spec).status_code == 201
        assert operator.post("/datasets", json={"name": "d", "title": "d", "files": [FILE]}).status_code == 201
        agent = machine.agent(operator, "e")
        run_id = _start(operator)
        agent.work({FILE["checksum"]: [0, 80_000]}, until=lambda: _state(operator, run_id) == "complete")
    return machine


def _start(client: httpx.Client) -> str:
    answer = client.post("/runs", json={"function": "a", "dataset": "d", "fresh": True})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def _state(client: httpx.Client, run_id: str) -> str:
    return str(client.get(f"/runs/{run_id}").json()["state"])


def _size(task: Any) -> int:
    asked = json.loads(base64.b64decode(task.body))
    return int(asked["stop"] - asked["start"])


def _finish(agent: Agent, client: httpx.Client, run_id: str, *held: Any) -> dict[str, Any]:
    for task in held:
        agent.give(task, chunk_result(_size(task)))
    agent.work({}, until=lambda: _state(client, run_id) in FINAL)
    run = client.get(f"/runs/{run_id}").json()
    assert (run["state"], run["account"]["events_processed"]) == ("complete", 80_000)
    assert total(client.get(f"/runs/{run_id}/histograms").json()) == 80_000
    return dict(run)


def test_the_queues_server_is_killed_and_comes_back(own: Machine) -> None:
    with own.client(own.token) as operator:
        agent = own.agent(operator, "e")
        run_id = _start(operator)
        first, *others = agent.lease(want=3)
        assert agent.give(first, chunk_result(_size(first)))
        # What was written in the last second may be lost in a power cut: that is what `everysec` means.
        time.sleep(1.1)
        own.kill("valkey")
        second = _start(operator)
        assert agent.post("lease", {"want": 1, "wait": 0, "status": agent.status}).status_code == 503
        own.start("valkey")
        own.wait_until_well()
        _finish(agent, operator, run_id, *others)
        _finish(agent, operator, second)


def test_the_service_is_killed_and_comes_back(own: Machine) -> None:
    with own.client(own.token) as operator:
        agent = own.agent(operator, "e")
        run_id = _start(operator)
        first, second, *others = agent.lease(want=4)
        assert agent.give(first, chunk_result(_size(first)))
        ended_just_now = _start(operator)
        held = agent.lease(want=4)
        wire = [(task, {"body": body(chunk_result(_size(task)))}) for task in held]
        assert len(agent.send(*wire)["accepted"]) == len(held) == 4
        own.kill("serve")
        own.start("serve")
        own.wait_until_well()
        assert operator.get(f"/runs/{ended_just_now}", params={"wait": 10}).json()["state"] == "complete"
        assert agent.renew(second, *others) == []
        assert agent.give(second, chunk_result(_size(second)))
        deadline = time.monotonic() + 5
        while total(operator.get(f"/runs/{run_id}/histograms").json()) != _size(first) + _size(second):
            assert time.monotonic() < deadline
        run = _finish(agent, operator, run_id, *others)
        assert run["account"]["retries"] == 0


def test_who_waits_and_who_watches_does_not_keep_the_service_from_stopping(own: Machine) -> None:
    with own.client(own.token) as operator:
        agent = own.agent(operator, "e")
        run_id = _start(operator)
        agent.lease(want=8)
        ended: list[str] = []

        def watch() -> None:
            with own.client(own.token) as client, client.stream("GET", f"/runs/{run_id}/events") as answer:
                for _ in answer.iter_lines():
                    pass
            ended.append("watcher")

        def wait() -> None:
            with own.client(own.token) as client:
                assert client.get(f"/runs/{run_id}", params={"wait": 30}).status_code == 200
            ended.append("waiter")

        def lease() -> None:
            assert agent.lease(wait=30) == []
            ended.append("agent")

        threads = [threading.Thread(target=what) for what in (watch, wait, lease)]
        for thread in threads:
            thread.start()
        time.sleep(0.5)
        seconds = own.stop("serve")
        for thread in threads:
            thread.join(5)
        assert sorted(ended) == ["agent", "waiter", "watcher"]
        assert seconds < 2.5
