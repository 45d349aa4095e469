"""What happens to work is counted for Prometheus: leases, lost ones, outcomes, events, runs."""

from __future__ import annotations

import time

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from service_kit import ANALYSIS, PLAIN, Machine, body

pytestmark = pytest.mark.one_database
FILE = {"uri": "root://eos.example//counted.root", "size": 1000, "checksum": "adler32:0000001c"}
EVENTS = 40_000


class Numbers:
    """The numbers of one service, and how much they have grown."""

    def __init__(self, machine: Machine) -> None:
        self._url = f"{machine.url}/metrics"
        self._before = self._read()

    def _read(self) -> dict[str, float]:
        families = text_string_to_metric_families(httpx.get(self._url).text)
        samples = [sample for family in families for sample in family.samples]
        return {" ".join((one.name, *one.labels.values())): one.value for one in samples}

    def grown(self, *names: str) -> list[float]:
        now = self._read()
        return [now.get(name, 0) - self._before.get(name, 0) for name in names]


def test_a_run_is_counted_from_lease_to_end(machine: Machine, operator: httpx.Client) -> None:
    agent = machine.agent(operator, "counted")
    spec = {"name": "counted", "kind": "analysis", "source": f"{ANALYSIS}# counted\n", "entrypoint": "analyze"}
    assert operator.post("/functions", json=spec).is_success
    assert operator.post("/datasets", json={"name": "counted", "title": "counted", "files": [FILE]}).is_success
    numbers = Numbers(machine)
    run = operator.post("/runs", json={"function": "counted", "dataset": "counted", "endpoint": "counted"}).json()
    path = f"/runs/{run['id']}"
    agent.work({FILE["checksum"]: [0, EVENTS]}, until=lambda: operator.get(path).json()["state"] == "complete")
    events, leases, accepted = numbers.grown(
        "openbeam_events_total", "openbeam_leases_total", "openbeam_outcomes_total accepted"
    )
    assert events == EVENTS
    assert leases >= accepted > 1
    assert numbers.grown("openbeam_gather_seconds_count")[0] > 0
    assert numbers.grown("openbeam_actions_total run.submit") == [1]
    # The state is in the database a moment before the run is told to have ended.
    deadline = time.monotonic() + 10
    while numbers.grown("openbeam_runs_ended_total complete") != [1]:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_lost_lease_and_what_came_too_late_are_counted(machine: Machine, operator: httpx.Client) -> None:
    agent = machine.agent(operator, "losing")
    spec = {"name": "lost", "source": PLAIN, "entrypoint": "double"}
    assert operator.post("/functions", json=spec).is_success
    numbers = Numbers(machine)
    call = {"function": "lost", "endpoint": "losing", "args": [1]}
    assert operator.post("/tasks", json=call).status_code == 201
    (first,) = agent.lease()
    (second,) = agent.lease(wait=10)
    agent.send((first, {"body": body({"value": 1})}))
    assert agent.give(second, {"value": 2})
    names = ("openbeam_lost_leases_total", "openbeam_outcomes_total fenced", "openbeam_outcomes_total accepted")
    lost, fenced, accepted = numbers.grown(*names)
    assert lost >= 1
    assert (fenced, accepted) == (1, 1)
