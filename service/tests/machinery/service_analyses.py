"""What the tests of runs share: two datasets whose files an agent knows, and the steps of a run over REST."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
from service_kit import ANALYSIS, MASS, Agent

SMALL = {"uri": "root://eos.example//small.root", "size": 1000, "checksum": "adler32:0000000a"}
LARGE = {"uri": "root://eos.example//large.root", "size": 2000, "checksum": "adler32:0000000b"}
OFFSETS = {SMALL["checksum"]: [0, 40_000], LARGE["checksum"]: [0, 30_000, 400_000, 800_000]}
FINAL = {"complete", "incomplete", "failed", "cancelled"}


def publish_datasets(client: httpx.Client) -> None:
    """Publish them."""
    for name, files in (("small", [SMALL]), ("both", [SMALL, LARGE])):
        spec = {"name": name, "title": name, "files": files, "layout": "flat", "tree": "t", "doi": "10.1/x"}
        assert client.post("/datasets", json=spec).status_code in {200, 201}


def publish(client: httpx.Client, name: str, source: str = ANALYSIS) -> None:
    spec = {
        "name": name,
        "kind": "analysis",
        "source": source,
        "entrypoint": "analyze",
        "parameters": MASS,
        "visibility": "public",
    }
    assert client.post("/functions", json=spec).status_code in {200, 201}


def submit(client: httpx.Client, function: str = "spectrum", dataset: str = "small", **more: Any) -> dict[str, Any]:
    answer = client.post("/runs", json={"function": function, "dataset": dataset, "endpoint": "runs", **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def wait(client: httpx.Client, run_id: str) -> dict[str, Any]:
    run = client.get(f"/runs/{run_id}", params={"wait": 20}).json()
    assert run["state"] in FINAL, run
    return dict(run)


def finish(client: httpx.Client, agent: Agent, run_id: str) -> dict[str, Any]:
    agent.work(OFFSETS, until=lambda: client.get(f"/runs/{run_id}").json()["state"] in FINAL)
    return wait(client, run_id)


def watch(client: httpx.Client, path: str, **headers: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the id, name and data of server-sent events."""
    with client.stream("GET", path, headers={"Accept": "text/event-stream", **headers}, timeout=20) as answer:
        assert answer.status_code == 200
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if not line and "data" in fields:
                yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value


def chunks(agent: Agent, number: int, offsets: Mapping[str, list[int]] = OFFSETS) -> list[Any]:
    """Lease until so many chunks are held, answering looks into files."""
    held: list[Any] = []
    while len(held) < number:
        for task in agent.lease(want=number - len(held)):
            if task.kind == "inspect":
                assert agent.give(task, agent.compute(task, offsets))
            else:
                held.append(task)
    return held


def size(task: Any) -> int:
    asked = body_of(task)
    return int(asked["stop"] - asked["start"])


def body_of(task: Any) -> dict[str, Any]:
    return dict(json.loads(base64.b64decode(task.body)))
