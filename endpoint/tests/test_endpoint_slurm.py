"""An endpoint on a real Slurm: blocks come with the work and go after it, and a job that is cancelled loses nothing."""

from __future__ import annotations

import json
import time
import zlib
from collections.abc import Iterator

import numpy as np
import pytest
import uproot
from endpoint_kit import Agent, Site, until
from openbeam import Client, Run
from openbeam.errors import RunFailed
from openbeam.models import DataFile, DatasetSpec, FunctionKind, FunctionSpec, Layout
from support.slurm import Slurm, running_slurm

pytestmark = [pytest.mark.system, pytest.mark.timeout(240)]

FILES = 6
EVENTS = 500

SLOW = """\
import time
from hist import Hist


def analyze(events, params):
    time.sleep(2)
    mass = Hist.new.Reg(40, 70, 110, name="mass", label="Dimuon mass [GeV]").Double()
    mass.fill(mass=events.mass)
    return {"mass": mass}
"""


@pytest.fixture(scope="module")
def slurm() -> Iterator[Slurm]:
    with running_slurm() as slurm:
        yield slurm


@pytest.fixture(scope="module")
def agent(site: Site, slurm: Slurm) -> Iterator[Agent]:
    options = ["--provider", "slurm", "--partition", "debug", "--max-blocks", "2"]
    options += ["--set", "idle_seconds=4", "--set", "poll_seconds=1", "--set", "address=127.0.0.1"]
    done = site.run("openbeam-endpoint", "configure", "lab", *options)
    assert done.returncode == 0, done.stderr
    assert "without isolation" in done.stderr
    with site.agent(**slurm.environment) as agent:
        until(lambda: agent.says("ready isolation"), 60)
        yield agent
    until(lambda: not slurm.jobs(), 20)


@pytest.fixture(scope="module")
def dataset(site: Site) -> str:
    folder = site.home / "mirror" / "eos" / "opendata" / "slurm"
    folder.mkdir(parents=True)
    files = []
    for number in range(FILES):
        path = folder / f"{number}.root"
        with uproot.recreate(path) as file:
            mass = np.linspace(80, 100 + number, EVENTS)
            file.mktree("Events", {"mass": np.float64}).extend({"mass": mass})
        content = path.read_bytes()
        uri = f"root://eospublic.cern.ch//eos/opendata/slurm/{number}.root"
        files.append(DataFile(uri=uri, size=len(content), checksum=f"adler32:{zlib.adler32(content):08x}"))
    with site.client() as operator:
        spec = DatasetSpec(name="masses", title="Masses", layout=Layout.flat, files=files)
        return operator.publish_dataset(spec).name


def submit(client: Client, dataset: str, note: str) -> Run:
    # Another text is another function, so that nothing is known already.
    spec = FunctionSpec(name="slow", kind=FunctionKind.analysis, source=f"{SLOW}# {note}\n", entrypoint="analyze")
    return client.submit_run(client.publish_function(spec), dataset, endpoint="lab")


def check(run: Run) -> None:
    assert not run.errors, run.errors
    assert run.account.events_processed == run.account.events_expected == FILES * EVENTS
    assert run.histograms["mass"].sum(flow=True) == FILES * EVENTS


def test_blocks_come_with_work_and_go_after_it(agent: Agent, slurm: Slurm, operator: Client, dataset: str) -> None:
    endpoint = operator.endpoint("lab")
    assert endpoint.status is not None
    assert (endpoint.status.workers, endpoint.status.isolation) == (2, "none")
    until(lambda: not slurm.jobs(), 20)
    began = time.monotonic()
    run = submit(operator, dataset, "elastic")
    most: set[str] = set()
    while not run.refresh().is_final:
        most = max(most, set(slurm.jobs()), key=len)
        time.sleep(0.2)
    print(f"from no block to the end of {FILES} chunks: {time.monotonic() - began:.1f} s, jobs {sorted(most)}")
    check(run)
    assert len(most) == 2
    assert run.account.retries == 0
    until(lambda: not slurm.jobs(), 30)
    print(f"and back to none: {time.monotonic() - began:.1f} s")
    assert agent.process.poll() is None


def test_a_job_that_is_cancelled_loses_no_event(agent: Agent, slurm: Slurm, operator: Client, dataset: str) -> None:
    run = submit(operator, dataset, "cancelled")
    until(lambda: run.refresh().account.chunks_done >= 1, 60)
    until(lambda: len(slurm.jobs()) == 2, 30)
    began = time.monotonic()
    slurm.say("scancel", slurm.jobs()[0])
    run.wait(120)
    print(f"complete {time.monotonic() - began:.1f} s after a job was cancelled, {run.account.retries} retries")
    check(run)
    assert agent.process.poll() is None


def test_jobs_end_with_an_agent_that_is_killed(
    site: Site, agent: Agent, slurm: Slurm, operator: Client, dataset: str
) -> None:
    run = submit(operator, dataset, "killed")
    until(lambda: run.refresh().account.chunks_done >= 1, 60)
    assert slurm.jobs()
    agent.process.kill()
    agent.process.wait(10)
    began = time.monotonic()
    until(lambda: not slurm.jobs(), 20)
    print(f"no jobs {time.monotonic() - began:.1f} s after the agent was killed")
    # The next agent completes what that one began, now with srun on the nodes.
    assert site.run("openbeam-endpoint", "configure", "lab", "--set", "launcher=srun").returncode == 0
    with site.agent(**slurm.environment):
        check(run.wait(90))
        began = time.monotonic()
    # Here, the engine was killed as well: nobody is left to cancel a job, and each ends by itself.
    until(lambda: not slurm.jobs(), 60)
    print(f"no jobs {time.monotonic() - began:.1f} s after agent and engine were killed")


def test_what_slurm_does_not_start_is_told_in_its_words(
    site: Site, slurm: Slurm, operator: Client, dataset: str
) -> None:
    assert site.run("openbeam-endpoint", "configure", "lab", "--partition", "nope").returncode == 0
    said = "invalid partition specified: nope"
    with site.agent(**slurm.environment) as wrong:
        until(lambda: wrong.says("ready isolation"), 60)
        run = submit(operator, dataset, "nowhere")
        until(lambda: said in run.refresh().record.activity, 30)
        status = json.loads(site.run("openbeam-endpoint", "status", "lab", "--json").stdout)
        assert status["trouble"].startswith("Slurm starts no block: ")
        assert said in status["trouble"]
        with pytest.raises(RunFailed):
            run.wait(60)
        assert said in run.errors[0].message
        assert slurm.jobs() == []
