"""A whole host on a real container engine: what an administrator wants runs, takes work, and leaves nothing behind."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass

import docker
import psutil
import pytest
from docker.models.containers import Container
from endpoint_kit import BIN, Site, until
from openbeam import Client
from openbeam.models import ManagedEndpoint, ManagedState
from openbeam.states import FINAL_TASK_STATES, TaskState

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]

GIB = 1024**3


def double(x: float) -> float:
    """Return twice as much."""
    return 2 * x


def nap(seconds: float) -> float:
    """Take a nap."""
    import time

    time.sleep(seconds)
    return seconds


def look() -> dict[str, object]:
    """Say what a function sees of where it is."""
    import os
    import socket

    with socket.socket() as probe:
        probe.settimeout(2)
        reached = probe.connect_ex(("127.0.0.1", 1)) if len(socket.if_nameindex()) > 1 else -1
    return {
        "uid": os.getuid(),
        "networks": [name for _, name in socket.if_nameindex()],
        "reached": reached,
        "state": os.path.exists("/openbeam/state"),  # noqa: PTH110 - it is sent as source, and stands alone
        "socket": os.path.exists("/var/run/docker.sock"),  # noqa: PTH110
        "environment": sorted(name for name in os.environ if "OPENBEAM" in name),
    }


def attack() -> dict[str, str]:
    """Try to hold the seat, to look into it, to take a place in another, and to spoil what others read."""
    import os
    import signal
    import socket

    def tried(act: object) -> str:
        try:
            act()
        except OSError as error:
            return type(error).__name__
        return "no error"

    seat = "/openbeam/seat/door/agent.sock"
    return {
        "stop": tried(lambda: os.kill(1, signal.SIGSTOP)),
        "kill": tried(lambda: os.kill(1, signal.SIGKILL)),
        "memory": tried(lambda: open("/proc/1/mem", "rb")),  # noqa: PTH123 - it is sent as source
        "files": tried(lambda: os.listdir("/proc/1/fd")),  # noqa: PTH208
        "seat": tried(lambda: socket.socket(socket.AF_UNIX).connect(seat)),
        "door": tried(lambda: os.mkdir("/openbeam/seat/door/x")),  # noqa: PTH102
        "cache": tried(lambda: os.mkdir("/openbeam/files/cache/x")),  # noqa: PTH102
    }


@dataclass
class Rack:
    """A host with its agent, and the engine that it uses."""

    site: Site
    engine: docker.DockerClient
    host_id: str
    agent: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        line = [str(BIN / "openbeam-endpoint"), "host", "start", "rack"]
        with (self.site.home / "log" / "host").open("ab") as log:
            self.agent = subprocess.Popen(line, env=self.site.environment, stdout=log, stderr=log)

    def end(self, number: int) -> None:
        assert self.agent is not None
        self.agent.send_signal(number)
        self.agent.wait(30)

    def containers(self, **labels: str) -> list[Container]:
        wanted = [f"openbeam.host={self.host_id}", *(f"openbeam.{name}={value}" for name, value in labels.items())]
        return list(self.engine.containers.list(all=True, ignore_removed=True, filters={"label": wanted}))

    def log(self) -> str:
        return (self.site.home / "log" / "host").read_text()


@pytest.fixture(scope="module")
def rack(site: Site, docker_engine: str, environment_images: list[str]) -> Iterator[Rack]:
    site.environment["DOCKER_HOST"] = docker_engine
    rule = environment_images[0].rpartition(":")[0] + ":*"
    # The service is on this machine's loopback alone, so the agents share its network; engines have none.
    line = ["openbeam-endpoint", "host", "enrol", "rack", "--image", rule, "--network", "host", "--memory-gb", "12"]
    done = site.run(*line)
    assert done.returncode == 0, done.stderr
    with site.client() as client, closing(docker.DockerClient(base_url=docker_engine, timeout=60)) as engine:
        made = Rack(site, engine, client.host("rack").id)
        made.start()
        yield made
        if made.agent is not None and made.agent.poll() is None:
            made.end(signal.SIGTERM)
        print(made.log()[-4000:])
        left = site.run("openbeam-endpoint", "host", "leave", "rack", "--yes", "--local")
        assert left.returncode == 0, left.stderr
        assert made.containers() == []


@pytest.fixture(scope="module")
def beam(site: Site, rack: Rack) -> Iterator[Client]:
    assert rack.host_id
    with site.client() as client:
        yield client


@pytest.fixture(scope="module")
def bystander(rack: Rack, environment_images: list[str]) -> Iterator[Container]:
    """Return a container of somebody else, which has labels like ours."""
    other = rack.engine.containers.run(
        environment_images[0],
        entrypoint=["python", "-c", "import time; time.sleep(3600)"],
        labels={"openbeam.host": "another", "openbeam.endpoint": "x", "openbeam.role": "agent"},
        network_mode="none",
        detach=True,
    )
    yield other
    other.reload()
    assert other.status == "running"
    other.remove(force=True)


@pytest.fixture(scope="module")
def lab(rack: Rack, beam: Client, bystander: Container, environment_images: list[str]) -> ManagedEndpoint:
    """An endpoint that all tests change in turn; each leaves it running."""
    assert bystander.id
    began = time.monotonic()
    made = beam.add_managed("rack", "lab", environment_images[0], workers=1, engines=1, memory=2 * GIB)
    found = settled(beam, made)
    print(f"asked for to running: {time.monotonic() - began:.1f} s")
    assert found.state is ManagedState.running, (found, rack.log())
    return made


def settled(beam: Client, made: ManagedEndpoint) -> ManagedEndpoint:
    return beam.wait_for_managed("rack", made, 180)


def call(beam: Client, function: Callable[..., object], *args: object) -> str:
    return beam.run(*args, function_id=beam.register_function(function), endpoint_id="lab")


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    print(f"{what}: {time.monotonic() - began:.1f} s")


def test_it_takes_work_behind_walls(lab: ManagedEndpoint, rack: Rack, beam: Client) -> None:
    with timed("first call"):
        assert beam.get_result(call(beam, double, 21), 60) == 42
    seen = beam.get_result(call(beam, look), 60)
    assert seen["uid"] == 65534
    assert seen["networks"] == ["lo"]
    assert (seen["state"], seen["socket"], seen["environment"]) == (False, False, [])
    found = beam.managed("rack", lab.id)
    assert found.seen is not None
    assert found.seen.memory > 0
    assert beam.endpoint("lab").status is not None
    until(lambda: any("ready" in line for line in beam.managed_log("rack", lab).lines), 20)
    for container in rack.containers():
        about = container.attrs["HostConfig"]
        assert about["ReadonlyRootfs"]
        assert not about["Privileged"]
        assert about["CapDrop"] == ["ALL"]
        assert about["SecurityOpt"] == ["no-new-privileges:true"]
        assert about["Memory"] == about["MemorySwap"] > 0
        assert about["PidsLimit"] > 0
        assert about["NanoCpus"] > 0
        assert about["Binds"] is None
        assert all(mount["Type"] == "volume" for mount in about["Mounts"])
        shown = str(container.attrs["Config"]["Env"])
        assert "key" not in shown.lower()
        assert container.attrs["Config"]["User"] not in {"", "0", "root"}
    roles = {one.labels["openbeam.role"]: one.attrs["HostConfig"]["NetworkMode"] for one in rack.containers()}
    assert roles == {"agent": "host", "engine-0": "none", "engine-1": "none", "engine-2": "none"}


def test_an_author_can_neither_hold_a_seat_nor_take_one(lab: ManagedEndpoint, beam: Client) -> None:
    assert lab.id
    assert beam.get_result(call(beam, attack), 60) == {
        "stop": "no error",  # and no effect: this answer comes
        "kill": "no error",
        "memory": "PermissionError",
        "files": "PermissionError",
        "seat": "FileNotFoundError",
        "door": "OSError",
        "cache": "OSError",
    }
    assert beam.get_result(call(beam, double, 3), 60) == 6


def test_another_authors_engine_is_a_fresh_container(lab: ManagedEndpoint, site: Site) -> None:
    assert site.run("openbeam-service", "user", "add", "ada", "--role", "student").returncode == 0
    token = site.run("openbeam-service", "token", "ada").stdout.strip()
    with site.client() as operator:
        operator.share_endpoint(lab.id, "public")
    with site.client(token) as ada, timed("another author"):
        assert ada.get_result(call(ada, double, 4), 90) == 8


def test_a_host_agent_that_is_killed_loses_nothing(lab: ManagedEndpoint, rack: Rack, beam: Client) -> None:
    before = {one.id for one in rack.containers()}
    rack.end(signal.SIGKILL)
    assert beam.get_result(call(beam, double, 2), 60) == 4  # what runs goes on running
    changed = beam.change_managed("rack", lab, state="stopped")  # it hears of that when it is back
    assert beam.change_managed("rack", lab, state="running").generation > changed.generation
    with timed("adopted"):
        rack.start()
        assert settled(beam, lab).state is ManagedState.running
    assert {one.id for one in rack.containers()} == before


def test_a_container_that_is_killed_is_started_again_and_told(lab: ManagedEndpoint, rack: Rack, beam: Client) -> None:
    (agent,) = rack.containers(role="agent")
    first = psutil.Process(agent.attrs["State"]["Pid"])
    with timed("killed to work again"):
        first.children()[0].kill()
        assert beam.get_result(call(beam, double, 5), 120) == 10

    def told() -> bool:
        seen = beam.managed("rack", lab.id).seen
        return seen is not None and seen.restarts > 0 and seen.state is ManagedState.running

    until(told, 60)


def test_it_is_scaled_and_updated_after_its_tasks_have_ended(
    lab: ManagedEndpoint, rack: Rack, beam: Client, environment_images: list[str]
) -> None:
    settled(beam, lab)
    task = call(beam, nap, 8.0)
    until(lambda: beam.get_task(task).state is TaskState.running, 60)
    before = {one.id for one in rack.containers()}
    changed = beam.change_managed("rack", lab, image=environment_images[1], workers=2)
    until(lambda: beam.managed("rack", lab.id).state is ManagedState.draining, 30)
    late = call(beam, double, 6)
    assert beam.get_task(task).state not in FINAL_TASK_STATES
    assert beam.get_result(task, 60) == 8.0
    with timed("replaced"):
        until(lambda: (now := settled(beam, lab)).current and now.generation == changed.generation, 90)
        assert beam.get_result(late, 90) == 12
    assert beam.get_task(task).attempts == 1
    after = rack.containers()
    assert before.isdisjoint(one.id for one in after)
    assert {one.image.id for one in after} == {rack.engine.images.get(environment_images[1]).id}
    until(lambda: beam.endpoint("lab").capacity == 2, 30)


def test_what_cannot_be_made_is_said_plainly_and_leaves_what_runs_alone(
    lab: ManagedEndpoint, rack: Rack, beam: Client, environment_images: list[str]
) -> None:
    missing = environment_images[0].rpartition(":")[0] + ":missing"
    before = {one.id for one in rack.containers()}
    beam.change_managed("rack", lab, image=missing)
    until(lambda: "is not on this host" in beam.managed("rack", lab.id).problem, 30)
    assert {one.id for one in rack.containers()} == before
    assert beam.get_result(call(beam, double, 7), 60) == 14
    beam.change_managed("rack", lab, image=environment_images[1])
    until(lambda: not beam.managed("rack", lab.id).problem, 30)


def test_it_is_stopped_started_and_removed_with_all_that_it_had(
    lab: ManagedEndpoint, rack: Rack, beam: Client, bystander: Container
) -> None:
    beam.change_managed("rack", lab, state="stopped")
    with timed("stopped"):
        assert settled(beam, lab).state is ManagedState.stopped
    assert {one.status for one in rack.containers()} == {"exited"}
    beam.change_managed("rack", lab, state="running")
    with timed("started"):
        assert settled(beam, lab).state is ManagedState.running
    assert beam.get_result(call(beam, double, 8), 60) == 16
    beam.remove_managed("rack", lab)
    with timed("removed"):
        until(lambda: beam.host("rack").endpoints == [], 60)
    assert rack.containers() == []
    assert rack.engine.volumes.list(filters={"label": f"openbeam.host={rack.host_id}"}) == []
    bystander.reload()
    assert bystander.status == "running"
    assert os.environ["DOCKER_HOST"]
