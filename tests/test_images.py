"""The images, and a whole site made of them, on a real Docker Engine."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from typing import Any

import docker
import httpx
import pytest
from openbeam import Client
from openbeam.models import ManagedState
from openbeam.states import RunState
from playwright.sync_api import Page
from support import images
from support.browser import sign_in
from support.images import IMAGES, Built, build_all
from support.site import ComposeSite
from support.stack import REPOSITORY

pytestmark = [pytest.mark.system, pytest.mark.timeout(1800)]

PHYSICS = ["awkward", "coffea", "correctionlib", "hist", "numba", "uproot", "vector"]
ONE_SHOT = {"prepare", "environment", "enrol"}
OWNERS = {"enrol", "host"}
HOST = "host"
"""Alone has the container engine's socket."""


@pytest.fixture(scope="module")
def engine(docker_engine: str) -> Iterator[docker.DockerClient]:
    with closing(docker.DockerClient(base_url=docker_engine)) as client:
        yield client


@pytest.fixture(scope="module")
def built(engine: docker.DockerClient) -> dict[str, Built]:
    assert engine.ping()
    return {one.name: one for one in build_all()}


@pytest.fixture(scope="module")
def site(engine: docker.DockerClient, built: dict[str, Built]) -> Iterator[ComposeSite]:
    assert built
    site = ComposeSite()
    try:
        print(f"up -d --wait: {site.up():.0f} s")
        yield site
    except AssertionError:
        print(site.compose("logs", "--tail=20"))
        raise
    finally:
        site.down()
    assert parts(engine, site) == ([], [], [])
    assert managed(engine) == []
    assert engine.volumes.list(filters=MANAGED) == []


MANAGED = {"label": "openbeam.host"}


def managed(engine: docker.DockerClient) -> list[Any]:
    """Return the containers that the host agent has made."""
    return list(engine.containers.list(all=True, ignore_removed=True, filters=MANAGED))


def parts(engine: docker.DockerClient, site: ComposeSite) -> tuple[list[Any], list[Any], list[Any]]:
    """Return the site's containers, volumes and networks."""
    mine = {"label": f"com.docker.compose.project={site.name}"}
    return (
        engine.containers.list(all=True, ignore_removed=True, filters=mine),
        engine.volumes.list(filters=mine),
        engine.networks.list(filters=mine),
    )


def counted(client: Client) -> float:
    """Run ``z_mumu`` over real events; return how many of them its histogram has."""
    run = client.submit_run("z_mumu", "cms-2010-zmumu", fresh=True)
    assert run.wait(120).state is RunState.complete, run.account
    return float(run.histograms["dimuon_mass"].sum(flow=True))


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_nobody_s_and_knows_nothing_of_who_built_it(
    engine: docker.DockerClient, built: dict[str, Built], name: str
) -> None:
    image = engine.images.get(built[name].tag)
    print(f"{name}: {image.attrs['Size'] / 1e6:,.0f} MB, built in {built[name].seconds:.0f} s")
    config = image.attrs["Config"]
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", config["User"])
    assert config["Labels"]["org.opencontainers.image.title"].startswith("Openbeam")
    assert (config.get("Healthcheck") is None) == (name == "environment-hep")
    own = image.history()[: -len(engine.images.get(images.base_image()).history())]
    assert not re.search(r"index|://(?!127\.0\.0\.1)|proxy|token=|password", json.dumps(own), re.IGNORECASE)


def test_the_environment_has_the_lock_s_versions(engine: docker.DockerClient, built: dict[str, Built]) -> None:
    code = (
        f"from importlib.metadata import version as v; import json; print(json.dumps({{n: v(n) for n in {PHYSICS}}}))"
    )
    loads = "import " + ", ".join(PHYSICS) + ", openbeam_endpoint.engine.main"
    said = engine.containers.run(
        built["environment-hep"].tag,
        ["python", "-c", f"{loads}; {code}"],
        remove=True,
        read_only=True,
        network_mode="none",
        cap_drop=["ALL"],
        tmpfs={"/tmp": ""},
        environment={"HOME": "/tmp"},
    )
    there = json.loads(said.decode().splitlines()[-1])
    lock = dict(re.findall(r"^([a-z0-9-]+)==([^ ]+) \\$", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE))
    assert there == {name: lock[name] for name in PHYSICS} == {name: version(name) for name in PHYSICS}


def test_one_command_brings_up_a_site_and_a_run_is_complete(site: ComposeSite) -> None:
    with site.client(site.person("student").token) as client:
        assert counted(client) == 2304
        (endpoint,) = client.endpoints()
    assert endpoint.status is not None
    assert endpoint.status.isolation == "docker"


def test_its_endpoint_is_a_managed_one_that_administrators_change(
    engine: docker.DockerClient, site: ComposeSite
) -> None:
    with site.client(site.person("admin").token) as client:
        (lab,) = client.host("site").endpoints
        assert (lab.name, lab.state, lab.workers) == ("local", ManagedState.running, 2)
        assert {one.labels["openbeam.role"] for one in managed(engine)} > {"agent", "engine-0"}
        client.change_managed("site", lab, workers=1)
        assert client.wait_for_managed("site", lab, 120).state is ManagedState.running
        assert counted(client) == 2304


def test_a_student_signs_in_at_the_portal(site: ComposeSite, chromium: str, page: Page) -> None:
    assert chromium
    sign_in(page, site)


def test_the_administrator_s_link_works(site: ComposeSite) -> None:
    link = site.inside("service", "cat", "/var/lib/openbeam/setup-link")
    assert link.startswith(f"{site.url}/setup/")
    assert httpx.get(link, trust_env=False).status_code == 200


def test_containers_are_guarded_and_one_alone_has_an_address(engine: docker.DockerClient, site: ComposeSite) -> None:
    containers, _, _ = parts(engine, site)
    ports = {}
    for container in containers:
        about, name = container.attrs, container.labels["com.docker.compose.service"]
        host = about["HostConfig"]
        assert host["ReadonlyRootfs"], name
        assert host["CapDrop"] == ["ALL"], name
        added = [each.removeprefix("CAP_") for each in host["CapAdd"] or []]
        assert added == (["DAC_OVERRIDE"] if name in OWNERS else []), name
        assert not host["Privileged"], name
        assert "no-new-privileges:true" in host["SecurityOpt"], name
        assert ("docker.sock" in json.dumps(about["Mounts"])) == (name == HOST), name
        assert not re.search(r"password|secret|token", json.dumps(about["Config"]["Env"]), re.IGNORECASE), name
        ports[name] = {each["HostIp"] for bound in (host["PortBindings"] or {}).values() for each in bound}
        assert about["State"]["Status"] == ("exited" if name in ONE_SHOT else "running"), name
        assert about["State"]["ExitCode"] == 0, name
    assert ports.pop("front") == {"127.0.0.1"}
    assert not any(ports.values())


def test_what_may_not_meet_does_not(site: ComposeSite) -> None:
    """The portal has no key of the issuer's, the agent no token of the operator's, and nobody else the database."""
    portal = site.inside("portal", "find", "/var/lib/openbeam", "-type", "f").split()
    assert {path.rpartition("/")[2] for path in portal} == {"portal-client.secret", "cookie.secret"}
    assert "operator" not in site.inside(HOST, "find", "/var/lib/openbeam")
    for other in ("portal", HOST):
        assert "PGSQL" not in site.inside(other, "sh", "-c", "ls /var/run/postgresql 2>/dev/null || true")


def test_a_service_that_dies_comes_back_and_knows_everybody(engine: docker.DockerClient, site: ComposeSite) -> None:
    person = site.person("student")
    (container,) = [c for c in parts(engine, site)[0] if c.labels["com.docker.compose.service"] == "service"]
    engine.api.exec_start(engine.api.exec_create(container.id, ["sh", "-c", "kill -9 -1"])["Id"])
    with site.client(person.token) as client:
        client.wait_for_service(60)
        assert client.whoami().name == person.name
        assert counted(client) == 2304
