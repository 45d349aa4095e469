"""What tests of several parts share, and how they are handed to workers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

_ON_THEIR_OWN: Final = {"tests/test_docs.py", "tests/test_layout.py", "tests/test_up.py"}
_BY_FILE: Final = ("endpoint/tests/", "service/tests/test_service_upstream", "datasets/tests/test_datasets_cli")
_IN_CONTAINERS: Final = ("tests/test_images.py", "endpoint/tests/test_endpoint_host.py", "its_container", "[docker")
"""Their container engine and the images in it take minutes to make."""


class _Together(LoadScopeScheduling):
    """Tests that share what takes seconds to start are one worker's; all others go one by one.

    xdist's marker ``xdist_group`` has no effect with this version of pytest, which keeps a test's id elsewhere.
    """

    def _split_scope(self, nodeid: str) -> str:
        if any(mark in nodeid for mark in _IN_CONTAINERS):
            return "containers"
        path = nodeid.partition("::")[0]
        if path.startswith("tests/") and path not in _ON_THEIR_OWN:
            return "stack"
        return path if path.startswith(_BY_FILE) else nodeid


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """Return what hands out tests."""
    return _Together(config, log)


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[str]:
    """Return the address of a Docker Engine; from here on, it is what ``DOCKER_HOST`` names."""
    from openbeam_endpoint.sandbox import docker
    from support.docker import running_docker

    with running_docker() as host, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", host)
        docker.works.cache_clear()
        yield host
    docker.works.cache_clear()
