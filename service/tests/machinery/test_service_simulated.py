"""Simulated events: said by a dataset's record or by a file of itself, and told with every run over them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest
from service_analyses import chunks, submit, wait
from service_kit import Agent, chunk_result

ENDPOINT = "runs"
pytestmark = pytest.mark.usefixtures("published")


@pytest.mark.parametrize(
    ("record", "file", "expected"), [(False, False, False), (True, False, True), (False, True, True)]
)
def test_a_run_says_whether_its_events_are_simulated(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str], record: bool, file: bool, expected: bool
) -> None:
    name = unique("toy")
    made = {"uri": f"root://eos.example//{name}", "size": 9, "checksum": f"adler32:{abs(hash(name)) % 16**8:08x}"}
    spec: dict[str, Any] = {"name": name, "title": name, "files": [made], "simulated": record}
    assert operator.post("/datasets", json=spec).json()["simulated"] is record
    run = submit(operator, dataset=name)
    assert run["provenance"]["simulated"] is record
    (look,) = agent.lease()
    assert agent.give(look, {"entries": 10, "offsets": [0, 10], "columns": ["x"], "simulated": file})
    (task,) = chunks(agent, 1)
    assert agent.complain(task, "TimedOut", retry=False)
    assert wait(operator, run["id"])["provenance"]["simulated"] is expected
    # What is known of the file stays known: for a run that computes what is missing, and for other runs.
    again = operator.post(f"/runs/{run['id']}/resubmit", json={}).json()
    assert again["provenance"]["simulated"] is expected
    (task,) = chunks(agent, 1)
    assert agent.give(task, chunk_result(10))
    other = submit(operator, dataset=name, fresh=True)
    (task,) = chunks(agent, 1)
    assert agent.give(task, chunk_result(10))
    assert wait(operator, other["id"])["provenance"]["simulated"] is expected
