"""A whole endpoint: real service, real agent, real engine, each as its user starts it."""

from __future__ import annotations

import signal
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from endpoint_kit import Agent, Site, until
from openbeam import Client
from openbeam.errors import FunctionRaised, RunFailed
from openbeam.models import DataFile, DatasetSpec, EndpointSpec, FunctionKind, FunctionSpec, Layout
from openbeam.states import FINAL_TASK_STATES, TaskState
from openbeam_datasets.record import load_record
from openbeam_endpoint.folder import Folder
from openbeam_endpoint.identity import make_key, public_jwk
from openbeam_endpoint.packages import environment_digest
from support.ports import free_port


def add(numbers: list[int]) -> int:
    """Sum up the numbers."""
    return sum(numbers)


def nap(seconds: float) -> float:
    """Take a nap."""
    import time

    time.sleep(seconds)
    return seconds


BAD = "def bad(x):\n    y = x + 1\n    return y / 0\n"

MASSES = """\
from hist import Hist


def analyze(events, params):
    mass = Hist.new.Reg(40, 70, 110, name="mass", label="Dimuon mass [GeV]").Double()
    mass.fill(mass=events.M)
    return {"mass": mass}
"""


@pytest.fixture(scope="module")
def pupil(site: Site) -> str:
    """A student's token."""
    assert site.run("openbeam-service", "user", "add", "pupil", "--role", "student").returncode == 0
    return site.run("openbeam-service", "token", "pupil").stdout.strip()


@pytest.fixture(scope="module")
def lab(site: Site) -> Folder:
    done = site.run("openbeam-endpoint", "configure", "lab", "--public", "--description", "Two workers.")
    assert (done.returncode, done.stderr) == (0, "")
    return Folder(site.home / "endpoints" / "lab")


@pytest.fixture(scope="module")
def running(site: Site, lab: Folder) -> Iterator[Agent]:
    """An agent that most tests share; those that end one start their own after it."""
    assert lab.configured
    with site.agent() as agent:
        until(lambda: agent.says("ready isolation"), 60)
        yield agent


def call(client: Client, function: Callable[..., object], *args: object) -> str:
    return client.run(*args, function_id=client.register_function(function), endpoint_id="lab")


# ---------------------------------------------------------------------------------------------------- configure
def test_configure_makes_a_private_folder_and_registers(site: Site, lab: Folder, operator: Client) -> None:
    assert stat.S_IMODE(lab.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(lab.key_path.stat().st_mode) == 0o600
    identity, me = lab.identity(), operator.whoami()
    assert (identity.owner, identity.owner_id, identity.url) == (me.name, me.id, site.url)
    endpoint = operator.endpoint("lab")
    assert (endpoint.id, endpoint.visibility, endpoint.description) == (identity.endpoint_id, "public", "Two workers.")
    assert lab.config().url == site.url


def test_configure_again_keeps_key_id_and_other_settings(site: Site, lab: Folder) -> None:
    before = lab.key_path.read_text(), lab.identity()
    done = site.run("openbeam-endpoint", "configure", "lab", "--workers", "1")
    assert done.returncode == 0
    assert f"lab belongs to operator at {site.url}" in done.stdout
    assert (lab.key_path.read_text(), lab.identity()) == before
    assert (lab.config().workers, lab.config().public) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["configure", "No Spaces"], "name: "),
        (["configure", "lab2", "--workers", "0"], "workers: "),
        (["start", "../lab"], "name: "),
    ],
)
def test_a_mistake_is_one_line(site: Site, arguments: list[str], said: str) -> None:
    done = site.run("openbeam-endpoint", *arguments)
    assert done.returncode == 78
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr
    assert not (site.home / "endpoints" / "lab2").exists()


def test_somebody_who_may_not_lend_is_told_so(site: Site, pupil: str) -> None:
    other = Site(site.home, site.url, site.environment | {"OPENBEAM_TOKEN": pupil})
    done = other.run("openbeam-endpoint", "configure", "pupils")
    assert done.returncode == 77
    assert len(done.stderr.splitlines()) == 1
    assert not Folder(site.home / "endpoints" / "pupils").configured


# ---------------------------------------------------------------------------------------------------- work
def test_a_call_returns(running: Agent, operator: Client) -> None:
    assert running.process.poll() is None
    assert operator.get_result(call(operator, add, [1, 3, 5])) == 9
    endpoint = operator.endpoint("lab")
    assert endpoint.online
    assert endpoint.status is not None
    assert endpoint.status.workers == 2


def test_a_function_that_raises_names_its_line(running: Agent, operator: Client) -> None:
    assert running.process.poll() is None
    function = operator.publish_function(FunctionSpec(name="bad", source=BAD, entrypoint="bad"))
    with pytest.raises(FunctionRaised) as caught:
        operator.get_result(operator.run(1, function_id=function.id, endpoint_id="lab"))
    assert (caught.value.details["type"], caught.value.details["line"]) == ("ZeroDivisionError", 3)


def test_a_file_that_cannot_be_had_is_a_plain_problem(running: Agent, operator: Client) -> None:
    assert running.process.poll() is None
    uri = "root://eospublic.cern.ch//eos/opendata/nowhere.root"
    file = DataFile(uri=uri, size=10, checksum="adler32:00000001")
    operator.publish_dataset(DatasetSpec(name="nowhere", title="Nowhere", layout=Layout.flat, files=[file]))
    spec = FunctionSpec(name="empty", kind=FunctionKind.analysis, source=MASSES, entrypoint="analyze")
    run = operator.submit_run(operator.publish_function(spec).id, "nowhere", endpoint="lab")
    with pytest.raises(RunFailed):
        run.wait(30)
    assert run.errors[0].kind == "DataUnavailable"
    assert run.errors[0].details["uri"] == uri
    assert "Traceback" not in run.errors[0].message


def test_an_analysis_runs_over_real_events(running: Agent, operator: Client) -> None:
    assert running.process.poll() is None
    dataset = operator.publish_dataset(load_record("cms-2010-zmumu"))
    spec = FunctionSpec(name="masses", kind=FunctionKind.analysis, source=MASSES, entrypoint="analyze")
    run = operator.submit_run(operator.publish_function(spec), dataset, endpoint="lab").wait(30)
    assert run.account.events_processed == run.account.events_expected == 2304
    assert run.histograms["mass"].sum(flow=True) == 2304
    assert run.provenance.environment == environment_digest()


def test_another_author_gets_an_engine_of_their_own(site: Site, running: Agent, operator: Client, pupil: str) -> None:
    before = sum("engine given" in line for line in running.lines)
    with site.client(pupil) as author:
        assert author.get_result(call(author, add, [2, 2])) == 4
    assert sum("engine given" in line for line in running.lines) == before + 1
    assert operator.get_result(call(operator, add, [2, 3])) == 5


def test_list_says_what_runs_and_a_second_start_is_refused(site: Site, running: Agent) -> None:
    done = site.run("openbeam-endpoint", "list")
    assert done.stdout.startswith("lab\trunning\t2\t")
    again = site.run("openbeam-endpoint", "start", "lab")
    assert again.returncode == 1
    assert again.stderr == f"The endpoint lab runs already (process {running.process.pid}).\n"


def test_a_service_that_restarts_is_waited_for_and_loses_nothing(site: Site, running: Agent, operator: Client) -> None:
    tasks = [call(operator, nap, 2.0) for _ in range(3)]
    until(lambda: operator.get_task(tasks[0]).state is TaskState.running)
    site.stop_serving()
    until(lambda: running.says("the service does not answer"))
    site.serve()
    assert [operator.get_result(task) for task in tasks] == [2.0, 2.0, 2.0]
    until(lambda: running.says("the service answers again"))
    # Once, or twice when a closing service still answers one of the agent's two polls after the other has broken off.
    assert len([line for line in running.lines if "does not answer" in line]) in {1, 2}


# ---------------------------------------------------------------------------------------------------- ends
def start_nap(client: Client) -> str:
    task = call(client, nap, 1.5)
    until(lambda: client.get_task(task).state is TaskState.running)
    return task


def test_an_agent_that_ends_in_mid_task_leaves_nothing_and_the_next_one_completes_it(
    site: Site, lab: Folder, running: Agent, operator: Client
) -> None:
    told = start_nap(operator)
    running.end(signal.SIGTERM)
    assert running.process.returncode == 0
    assert operator.get_task(told).state is TaskState.queued
    with site.agent() as second:
        assert operator.get_result(told) == 1.5
        assert operator.get_task(told).attempts == 2
        killed = start_nap(operator)
        second.end(signal.SIGKILL)
        assert operator.get_task(killed).state not in FINAL_TASK_STATES
    with site.agent() as third:
        assert operator.get_result(killed) == 1.5
        assert operator.get_task(killed).attempts == 2
        drained = start_nap(operator)
        third.process.send_signal(signal.SIGUSR1)
        until(lambda: third.says("draining"))
        late = call(operator, nap, 0.1)
        assert third.process.wait(20) == 0
        assert operator.get_result(drained) == 1.5
        assert operator.get_task(drained).attempts == 1
        assert operator.cancel(late).state is TaskState.cancelled
        assert operator.get_task(late).attempts == 0
        until(lambda: not third.left(), 10)
    assert list(lab.scratch.iterdir()) == []


def test_start_configures_a_new_endpoint_and_a_signal_while_its_engine_starts_ends_both(
    site: Site, operator: Client
) -> None:
    with site.agent("other") as agent:
        until(agent.has_engine)
        assert operator.endpoint("other").visibility == "public"
        agent.end(signal.SIGTERM)
        assert agent.process.returncode == 0


def test_a_signal_while_it_waits_for_the_service_ends_it_at_once(site: Site) -> None:
    with site.agent("later", OPENBEAM_URL=f"http://127.0.0.1:{free_port()}") as agent:
        time.sleep(1)
        agent.process.terminate()
        agent.process.wait(3)


def test_an_endpoint_with_another_key_is_told_to_configure_again(site: Site, tmp_path: Path, operator: Client) -> None:
    assert site.run("openbeam-endpoint", "configure", "rotated").returncode == 0
    operator.register_endpoint(EndpointSpec(name="rotated", key=public_jwk(make_key(tmp_path / "other.jwk"))))
    done = site.run("openbeam-endpoint", "start", "rotated")
    assert done.returncode == 77
    (line,) = [line for line in done.stderr.splitlines() if "[" not in line]
    assert "does not accept this endpoint (any more). Configure it again" in line
