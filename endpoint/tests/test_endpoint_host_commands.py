"""A host as its owner meets it, on a machine where no container engine answers."""

from __future__ import annotations

import re
import signal
import stat
import subprocess
from collections.abc import Iterator

import pytest
from endpoint_kit import BIN, Site, until
from joserfc.jwk import ECKey
from openbeam import Client
from openbeam.cli.app import run_app
from openbeam.errors import InvalidInput
from openbeam.models import HostLimits, ManagedOrder, ManagedSize, ManagedState, ManagedWish
from openbeam_endpoint.host import spec
from openbeam_endpoint.host.config import HostConfig, load
from openbeam_endpoint.host.folder import HostFolder
from openbeam_endpoint.host.furnish import archives
from openbeam_endpoint.host.plan import AGENT, seat
from support.nursery import run

GIB = 1024**3


@pytest.fixture(scope="module")
def rack(site: Site) -> Iterator[HostFolder]:
    site.environment["DOCKER_HOST"] = f"unix://{site.home}/nobody.sock"
    done = site.run("openbeam-endpoint", "host", "enrol", "rack", "--image", "openbeam/*", "--memory-gb", "8")
    assert done.returncode == 0, done.stderr
    yield HostFolder(site.home / "hosts" / "rack")
    del site.environment["DOCKER_HOST"]


def test_enrolling_makes_a_private_folder_and_tells_the_service(rack: HostFolder, operator: Client) -> None:
    assert stat.S_IMODE(rack.path.stat().st_mode) == 0o700
    assert stat.S_IMODE(rack.key_path.stat().st_mode) == 0o600
    assert rack.identity().host_id == operator.host("rack").id
    assert load(rack.config_path).images == ("openbeam/*",)


def test_enrolling_again_keeps_key_id_and_other_settings(site: Site, rack: HostFolder) -> None:
    key, identity = rack.key_path.read_text(), rack.identity()
    done = site.run("openbeam-endpoint", "host", "enrol", "rack", "--max-endpoints", "3")
    assert done.returncode == 0, done.stderr
    assert (rack.key_path.read_text(), rack.identity()) == (key, identity)
    again = load(rack.config_path)
    assert (again.max_endpoints, again.images, again.memory_gb) == (3, ("openbeam/*",), 8)


def test_options_become_settings(site: Site, rack: HostFolder) -> None:
    options = ["--network", "container:front", "--mirror", "https://mirror.example.org", "--no-keep-running"]
    assert site.run("openbeam-endpoint", "host", "enrol", "rack", *options).returncode == 0
    found = load(rack.config_path)
    assert (found.network, found.mirror, found.keep_running) == ("container:front", "https://mirror.example.org", False)
    back = ["--network", "bridge", "--mirror", "cern", "--keep-running"]
    assert site.run("openbeam-endpoint", "host", "enrol", "rack", *back).returncode == 0
    assert load(rack.config_path).keep_running


def test_who_is_no_administrator_enrols_nothing(site: Site) -> None:
    assert site.run("openbeam-service", "user", "add", "tom", "--role", "teacher").returncode == 0
    token = site.run("openbeam-service", "token", "tom").stdout.strip()
    own = site.environment | {"OPENBEAM_TOKEN": token}
    done = run("openbeam-endpoint", "host", "enrol", "toms", env=own)
    assert done.returncode == 77, done.stderr
    assert "role teacher" in done.stderr


def test_a_mistake_in_the_settings_names_its_line(rack: HostFolder) -> None:
    text = rack.config_path.read_text()
    line = next(number for number, one in enumerate(text.split("\n"), 1) if one.startswith("max_endpoints"))
    wrong = rack.path / "wrong.toml"
    wrong.write_text(re.sub(r"(?m)^max_endpoints = .*$", "max_endpoints = 3000", text))
    with pytest.raises(InvalidInput, match=rf"wrong\.toml, line {line}: max_endpoints: input should be less"):
        load(wrong)
    wrong.write_text(text + "imags = []\n")
    with pytest.raises(InvalidInput, match=r"there is no setting 'imags'\. Did you mean images"):
        load(wrong)


def test_an_administrator_says_what_shall_run(
    site: Site,
    rack: HostFolder,
    operator: Client,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in ("OPENBEAM_HOME", "OPENBEAM_URL"):
        monkeypatch.setenv(name, site.environment[name])

    def openbeam(*words: str, code: int = 0) -> str:
        assert run_app(["hosts", *words]) == code
        said = capsys.readouterr()
        return said.err if code else said.out

    size = ("--workers", "1", "--engines", "1")
    said = openbeam("add", "rack", "lab", "--image", "openbeam/hep:1", "--memory", "1.5G", *size)
    assert said.startswith("lab\twaiting\toffline")
    made = operator.managed("rack", "lab")
    assert (made.memory, made.workers, made.engines, made.total) == (3 * GIB // 2, 1, 1, 3 * GIB)
    openbeam("change", "rack", "lab", "--image", "openbeam/hep:2", "--environment", "hep-2")
    openbeam("stop", "rack", "lab")
    stopped = operator.managed("rack", "lab")
    assert (stopped.image, stopped.environment, stopped.wanted) == ("openbeam/hep:2", "hep-2", ManagedWish.stopped)
    openbeam("start", "rack", "lab")
    openbeam("restart", "rack", "lab")
    assert operator.managed("rack", "lab").generation == made.generation + 4
    assert openbeam("logs", "rack", "lab") == ""
    assert "openbeam/hep:2" in openbeam("show", "rack")
    assert openbeam().split("\t")[0] == rack.name
    assert "4G" in openbeam("add", "rack", "other", "--image", "i", "--memory", "lots", code=2)
    openbeam("remove", "rack", "lab")
    assert operator.managed("rack", "lab").state is ManagedState.removing
    assert "Remove them and wait" in openbeam("delete", "rack", code=1)


def test_a_host_without_an_engine_says_so_and_goes_on(site: Site, rack: HostFolder, operator: Client) -> None:
    agent = subprocess.Popen(
        [str(BIN / "openbeam-endpoint"), "host", "start", "rack"], env=site.environment, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: (status := operator.host("rack").status) is not None and "Docker" in status.problem, 40)
        assert operator.host("rack").online
        second = site.run("openbeam-endpoint", "host", "start", "rack")
        assert "runs already" in second.stderr
        assert second.returncode == 1
        operator.revoke_host("rack")
        assert agent.wait(40) == 77
    finally:
        if agent.poll() is None:
            agent.send_signal(signal.SIGKILL)
            agent.wait()
    assert rack.configured


ORDER = ManagedOrder(
    id="0f", name="lab", owner="ada", owner_id="u", generation=3, epoch=0, image="i", wanted=ManagedWish.running
)


def test_another_image_size_or_epoch_is_another_container_and_another_wish_is_not() -> None:
    config = HostConfig(name="rack")
    first = spec.digest(ORDER, "sha256:a", config)
    same = ORDER.model_copy(update={"generation": 9, "wanted": ManagedWish.stopped, "image": "other-name"})
    assert spec.digest(same, "sha256:a", config) == first
    others = [{"workers": 7}, {"memory": 9 * GIB}, {"engines": 5}, {"epoch": 1}, {"environment": "hep"}]
    made = {spec.digest(ORDER.model_copy(update=other), "sha256:a", config) for other in others}
    made |= {spec.digest(ORDER, "sha256:b", config), first}
    assert len(made) == len(others) + 2


def test_an_engine_has_no_network_and_the_key_is_nowhere_but_in_its_file() -> None:
    config, key = HostConfig(name="rack"), ECKey.generate_key("P-256")
    secret = str(key.as_dict(private=True)["d"])
    for role in spec.roles(ORDER):
        made = spec.container(ORDER, role, "sha256:a", config, {})
        assert made["read_only"]
        assert made["mem_limit"] == made["memswap_limit"]
        assert (made["network_mode"] == "none") == (role != AGENT)
        assert secret not in str(made)
        assert not made.get("privileged")
    engine = spec.container(ORDER, seat(0), "sha256:a", config, {})
    assert all(mount["ReadOnly"] for mount in engine["mounts"])
    assert not any("state" in mount["Source"] for mount in engine["mounts"])
    found = [place for place, data in archives(ORDER, key, config).items() if secret.encode() in data]
    assert found == [spec.STATE]


def test_the_limits_count_all_endpoints_together() -> None:
    limits = HostLimits(images=["openbeam/*"], endpoints=2, memory=8 * GIB, workers=4)
    size = ManagedSize(workers=4, memory=GIB, engines=1)
    assert limits.refusal("openbeam/hep:1", size, []) == ""
    assert "does not allow the image" in limits.refusal("evil/openbeam", size, [])
    assert "at most 4 workers" in limits.refusal("openbeam/hep", ManagedSize(workers=5), [])
    assert "at most 2 endpoints" in limits.refusal("openbeam/hep", size, [size, size])
    assert "GiB left" in limits.refusal("openbeam/hep", ManagedSize(memory=5 * GIB, engines=2), [size])
