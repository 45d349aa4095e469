"""The owner's commands: an endpoint in the background, looked at, stopped, refused by the service, taken away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from endpoint_kit import BIN, Site, until
from openbeam import Client
from openbeam_endpoint.diary import Diary
from openbeam_endpoint.folder import Folder
from support.ports import free_port


def command(site: Site, *arguments: str) -> subprocess.CompletedProcess[str]:
    return site.run("openbeam-endpoint", *arguments, timeout=120)


def said(site: Site, *arguments: str, status: int = 0) -> str:
    """Run a command that succeeds, and return what it printed."""
    done = command(site, *arguments)
    assert (done.returncode, done.stderr) == (status, "")
    return done.stdout


def shown(site: Site, name: str) -> dict[str, object]:
    return dict(json.loads(command(site, "status", name, "--json").stdout))


def family(pid: int) -> list[psutil.Process]:
    top = psutil.Process(pid)
    return [top, *top.children(recursive=True)]


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    found = []
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            found += [process] if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else []
    return found


@pytest.fixture(scope="module")
def bench(site: Site) -> Iterator[Folder]:
    """An endpoint that was configured, and is stopped in the end."""
    said(site, "configure", "bench")
    folder = Folder(site.home / "endpoints" / "bench")
    yield folder
    command(site, "stop", "bench")
    assert not folder.running()


# ---------------------------------------------------------------------------------------------------- life
def test_status_says_what_does_not_work_until_it_does(site: Site) -> None:
    said(site, "configure", "ailing")
    folder = Folder(site.home / "endpoints" / "ailing")
    with folder.alone(), Diary.kept(folder.state_path) as diary:
        diary.trouble("A spare engine does not start: no room.")
        assert "trouble\tA spare engine does not start: no room.\n" in said(site, "status", "ailing")
        diary.trouble("")
        assert shown(site, "ailing")["trouble"] == ""


def test_the_life_of_an_endpoint_in_the_background(site: Site, bench: Folder, operator: Client) -> None:
    assert shown(site, "bench")["state"] == "stopped"
    assert "bench takes work (process " in said(site, "start", "bench", "--detach")
    pid = int(bench.running())
    # It has no terminal to lose: neither its session nor its group is this one's.
    assert os.getsid(pid) == pid
    until(lambda: operator.endpoint("bench").online)

    status = shown(site, "bench")
    assert (status["state"], status["pid"], status["workers"], status["owner"]) == ("running", pid, 2, "operator")
    assert status["service"] == "answers, and accepts this endpoint"
    assert status["load"]["processes"] >= 5  # type: ignore[index]
    assert " ready " in said(site, "logs", "bench")
    assert bench.output_path.read_bytes() == b""

    again = command(site, "start", "bench", "--detach")
    assert (again.returncode, again.stderr) == (1, f"The endpoint bench runs already (process {pid}).\n")

    first = family(pid)
    assert "bench takes work (process " in said(site, "restart", "bench")
    assert living(first) == []
    second = family(int(bench.running()))
    assert second[0].pid != pid
    assert said(site, "stop", "bench") == "bench has stopped.\n"
    assert living(second) == []
    assert said(site, "stop", "bench") == "bench does not run.\n"
    assert command(site, "status", "bench").returncode == 3
    stopped = shown(site, "bench")
    assert (stopped["state"], stopped["reason"]) == ("stopped", "")


def test_a_killed_agent_misleads_nobody(site: Site, bench: Folder) -> None:
    said(site, "start", "bench", "--detach")
    pid = int(bench.running())
    agent = family(pid)
    os.kill(pid, signal.SIGKILL)
    until(lambda: not living(agent), 10)
    # Its process id is still written down, and may be somebody else's by now.
    (bench.path / "lock").write_text(f"{os.getpid()}\n")
    status = shown(site, "bench")
    assert (status["state"], status["pid"]) == ("stopped", None)
    assert status["reason"] == "It was killed, or this machine went down."
    assert said(site, "stop", "bench") == "bench does not run.\n"
    assert "bench takes work" in said(site, "start", "bench", "--detach")
    said(site, "stop", "bench")


def test_logs_go_on_with_what_comes(site: Site, bench: Folder) -> None:
    assert bench.configured
    with bench.log_path.open("a") as log:
        log.write("first\n")
    line = [str(BIN / "openbeam-endpoint"), "logs", "bench", "--follow", "--lines", "1"]
    follower = subprocess.Popen(line, env=site.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert follower.stdout is not None
        assert follower.stdout.readline() == "first\n"
        with bench.log_path.open("a") as log:
            log.write("news\n")
        assert follower.stdout.readline() == "news\n"
    finally:
        follower.terminate()
        follower.wait(5)


# ---------------------------------------------------------------------------------------------------- refusals
def test_an_endpoint_whose_key_is_revoked_ends_at_once_and_says_so(site: Site, operator: Client) -> None:
    said(site, "configure", "gone")
    said(site, "start", "gone", "--detach")
    folder = Folder(site.home / "endpoints" / "gone")
    agent = family(int(folder.running()))
    operator.revoke_endpoint("gone")
    until(lambda: not living(agent), 60)
    status = shown(site, "gone")
    assert (status["state"], status["service"]) == (
        "stopped",
        "does not accept this endpoint (any more); configure it again",
    )
    assert "does not accept this endpoint" in str(status["reason"])
    assert command(site, "start", "gone").returncode == 77
    again = command(site, "start", "gone", "--detach")
    assert again.returncode == 1
    assert again.stderr == f"The service at {site.url} does not accept this endpoint (any more). Configure it again.\n"
    said(site, "configure", "gone")
    assert shown(site, "gone")["service"] == "answers, and accepts this endpoint"


def test_neither_wrong_settings_nor_a_delete_end_a_good_agent(site: Site, bench: Folder) -> None:
    good = bench.config_path.read_text()
    said(site, "start", "bench", "--detach")
    pid = bench.running()
    bench.config_path.write_text(good.replace('isolation = "auto"', 'isolation = "jail"'))
    try:
        again = command(site, "restart", "bench")
        number = good.splitlines().index('isolation = "auto"') + 1
        assert again.returncode == 78
        assert again.stderr.startswith(f"{bench.config_path}, line {number}: isolation: ")
        assert bench.running() == pid
        listed = {one["name"]: one for one in json.loads(said(site, "list", "--json"))}
        assert listed["bench"]["state"] == "running"
        assert f"line {number}: isolation" in listed["bench"]["reason"]
        refused = command(site, "delete", "bench", "--yes")
        assert refused.returncode == 1
        assert refused.stderr.endswith("Stop it first: openbeam-endpoint stop bench\n")
        assert (bench.running(), bench.configured) == (pid, True)
    finally:
        bench.config_path.write_text(good)
        said(site, "stop", "bench")


def test_a_name_that_is_not_there_is_told_the_nearest(site: Site, bench: Folder) -> None:
    assert bench.configured
    for verb in ("stop", "restart", "status", "logs", "delete", "whoami", "unit"):
        done = command(site, verb, "bensh")
        assert done.returncode == 1
        assert done.stderr == (
            "There is no endpoint named 'bensh'. Did you mean bench? Make one: openbeam-endpoint configure bensh\n"
        )


# ---------------------------------------------------------------------------------------------------- whose, and away
def test_whoami_is_the_person_or_the_endpoint(site: Site, bench: Folder) -> None:
    assert said(site, "whoami") == f"operator\tadmin\t{site.url}\n"
    assert said(site, "whoami", "bench") == f"bench\toperator\t{site.url}\t{bench.identity().endpoint_id}\n"


def test_delete_asks_first(site: Site, bench: Folder) -> None:
    asked = command(site, "delete", "bench")
    assert asked.returncode == 1
    assert "Remove " in asked.stderr
    assert bench.configured


def test_delete_leaves_nothing_here_and_at_the_service(site: Site, operator: Client) -> None:
    said(site, "configure", "brief")
    assert said(site, "delete", "brief", "--yes") == f"brief is gone from this machine and from {site.url}.\n"
    assert not (site.home / "endpoints" / "brief").exists()
    assert "brief" not in [endpoint.name for endpoint in operator.endpoints()]


def test_delete_takes_nothing_away_when_the_service_cannot_be_asked_unless_told_to(
    site: Site, operator: Client
) -> None:
    said(site, "configure", "alone")
    folder = Folder(site.home / "endpoints" / "alone")
    identity = folder.identity()
    identity.model_copy(update={"url": f"http://127.0.0.1:{free_port()}"}).save(folder.identity_path)
    refused = command(site, "delete", "alone", "--yes")
    assert refused.returncode == 1
    assert refused.stderr.endswith("To remove it from this machine alone: openbeam-endpoint delete alone --local\n")
    assert folder.configured
    assert "still lists it" in said(site, "delete", "alone", "--yes", "--local")
    assert not folder.path.exists()
    operator.delete_endpoint(identity.endpoint_id)


def test_a_list_on_a_terminal_is_a_table(site: Site, bench: Folder) -> None:
    assert bench.configured
    line = ["script", "-qec", f"{BIN / 'openbeam-endpoint'} list", "/dev/null"]
    environment = site.environment | {"COLUMNS": "160", "TERM": "xterm"}
    shown = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=True).stdout
    head = next(line for line in shown.splitlines() if "Endpoint" in line)
    assert ("State" in head, "Isolation" in head) == (True, True)
    assert "● stopped" in shown


# ---------------------------------------------------------------------------------------------------- providers
def test_a_provider_is_configured_and_changed_by_options(site: Site) -> None:
    options = ["--provider", "slurm", "--partition", "debug", "--max-blocks", "4", "--set", "workers_per_node=2"]
    done = command(site, "configure", "cluster", *options, "--set", "worker_init=module load python")
    assert (done.returncode, "It serves its owner's functions only." in done.stderr) == (0, True)
    assert command(site, "configure", "cluster", "--max-blocks", "3").returncode == 0
    config = Folder(site.home / "endpoints" / "cluster").config()
    assert config.slots == 6
    assert config.provider.model_dump(include={"kind", "partition", "worker_init"}) == {
        "kind": "slurm",
        "partition": "debug",
        "worker_init": "module load python",
    }
    wrong = command(site, "configure", "cluster", "--provider", "slrum")
    said = "provider.kind: there is no provider 'slrum'. Did you mean slurm?\n"
    assert (wrong.returncode, wrong.stderr) == (78, said)
    assert command(site, "delete", "cluster", "--yes").returncode == 0
