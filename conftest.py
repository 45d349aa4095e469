"""What tests of several parts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


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
