"""Killed in mid-run: the run still completes and every event counts once."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psutil
import pytest
from openbeam import Client, Run
from openbeam.models import FunctionKind, FunctionSpec
from openbeam.states import RunState
from support.stack import Stack, command

SLOW = """\
import time

import awkward as ak
from hist import Hist


def analyze(events, params):
    time.sleep(1.0)
    muons = Hist.new.IntCategory(range(100), name="muons", label="Muons in the event").Int64()
    muons.fill(muons=ak.to_numpy(ak.num(events.Muon)))
    return {"muons": muons}
"""


@pytest.fixture(scope="module")
def slow(stack: Stack, doublemu: Path) -> str:
    """A slow analysis, and a dataset of several chunks for it."""
    with stack.client() as client:
        client.add_local_file(doublemu, "kill-100k", like="cms-2012-doublemu")
        spec = FunctionSpec(name="slow_muons", kind=FunctionKind.analysis, source=SLOW, entrypoint="analyze")
        return client.publish_function(spec).id


def kill_a_worker(stack: Stack) -> None:
    """Kill the youngest of Parsl's workers: they are forks of the pool's fork server."""
    below = stack.program("openbeam-endpoint").children(recursive=True)
    server = next(process for process in below if "multiprocessing.forkserver" in command(process))
    workers = server.children()
    assert workers
    max(workers, key=psutil.Process.create_time).kill()


def kill_the_agent(stack: Stack) -> None:
    stack.program("openbeam-endpoint").kill()


def started_run(client: Client, function: str) -> Run:
    """Return a run whose first chunk is done and whose last is not."""
    run = client.submit_run(function, "kill-100k", fresh=True)
    deadline = time.monotonic() + 60
    while run.account.chunks_done == 0:
        assert time.monotonic() < deadline, run.state
        time.sleep(0.05)
        run.refresh()
    assert run.account.chunks_done < run.account.chunks
    return run


@pytest.mark.opendata
@pytest.mark.parametrize("kill", [kill_a_worker, kill_the_agent])
def test_every_event_counts_once(stack: Stack, operator: Client, slow: str, kill: Callable[[Stack], None]) -> None:
    run = started_run(operator, slow)
    stack.look()
    killed = time.monotonic()
    kill(stack)
    run.wait(120)
    print(f"{kill.__name__}: complete {time.monotonic() - killed:.1f} s after the kill, {run.account.retries} retries")
    assert run.state == RunState.complete
    assert run.account.events_processed == run.account.events_expected == 100_000
    assert run.account.retries >= 1
    muons = run.histograms["muons"]
    numbers = np.array([muons.axes[0].value(i) for i in range(muons.axes[0].size)])
    assert muons.values().sum() == 100_000
    assert (numbers * muons.values()).sum() == 235_286
    stack.look()
