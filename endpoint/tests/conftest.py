"""A service of the module's own with command lines that belong to it, and a running engine."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import docker
import pytest
from openbeam import Client
from openbeam.models import Isolation
from openbeam_endpoint.sandbox.folders import clear_away

# The tests import what is beside this file.
sys.path.insert(0, str(Path(__file__).parent))

from endpoint_kit import BIN, Site
from endpoint_lab import ISOLATIONS, SECRET, WORKS, Lab
from support.ports import free_port


@pytest.fixture(scope="session", autouse=True)
def _no_folder_is_left() -> Iterator[None]:
    """Clear away what killed nodes and agents leave to the next agent: after the last test, none comes."""
    yield
    clear_away()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    url = f"http://127.0.0.1:{free_port()}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENBEAM_")}
    own = {
        "OPENBEAM_HOME": str(home),
        "OPENBEAM_URL": url,
        "OPENBEAM_WORKERS": "2",
        # Each takes seconds of a core; the tests of recovery have them.
        "OPENBEAM_SPARE_ENGINES": "0",
        "OPENBEAM_OPENDATA_MIRROR": str(home / "mirror"),
        "HOME": str(home),
        "PATH": f"{BIN}:{kept['PATH']}",
    }
    site = Site(home, url, kept | own)
    assert site.run("openbeam-service", "init").returncode == 0
    with ExitStack() as stack:
        valkey = site.spawn("openbeam-service", "valkey")
        stack.callback(valkey.wait)
        stack.callback(valkey.terminate)
        site.serve()
        stack.callback(site.stop_serving)
        yield site


@pytest.fixture
def operator(site: Site) -> Iterator[Client]:
    with site.client() as client:
        yield client


@pytest.fixture(scope="session", params=ISOLATIONS, ids=str)
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Return a running engine, in every isolation that works here."""
    if request.param is Isolation.docker:
        request.getfixturevalue("docker_engine")
    works, otherwise = WORKS[request.param]
    if not works():
        pytest.skip(otherwise)
    lab = Lab(tmp_path_factory.mktemp("lab"), request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENBEAM_TEST_SECRET", SECRET)
        lab.engine.start()
    yield lab
    lab.engine.close()


@pytest.fixture
def walled(lab: Lab) -> Lab:
    """Return a running engine that has walls."""
    if lab.isolation is Isolation.none:
        pytest.skip("isolation none hides nothing")
    return lab


@pytest.fixture(scope="session")
def environment_images(docker_engine: str) -> list[str]:
    """Return two images for managed endpoints, that differ and do the same."""
    from support import images

    file = images.REPOSITORY / "docker" / "environment-hep.Dockerfile"
    tag = images.build("environment-hep", images.base_image(), file, images.REPOSITORY).tag
    with closing(docker.DockerClient(base_url=docker_engine, timeout=300)) as client:
        client.images.build(fileobj=io.BytesIO(f"FROM {tag}\nENV MARK=2\n".encode()), tag=f"{tag}:other")
    return [f"{tag}:latest", f"{tag}:other"]
