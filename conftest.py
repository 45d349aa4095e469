"""What tests of several parts share, and how they are handed to workers."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Final

import pytest
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling
from xdist.workermanage import WorkerController

_STACKS_OF_THEIR_OWN: Final = {"tests/test_docs.py", "tests/test_layout.py", "tests/test_up.py"}
_IN_CONTAINERS: Final = ("tests/test_images.py", "endpoint/tests/test_endpoint_host.py", "its_container", "[docker")
"""Their container engine and the images in it take minutes to make."""
_SHARED: Final = {
    "service/tests/machinery/": "machinery",
    "service/tests/matrix/": "matrix",
    "service/tests/": "service",
    "endpoint/tests/test_endpoint_engine.py": "lab",
    "endpoint/tests/test_endpoint_engine_limits.py": "lab",
    "endpoint/tests/test_endpoint_engine_walls.py": "lab",
    "endpoint/tests/test_endpoint_outputs.py": "lab",
}
"""Tests that share a service for each database, or an engine for each isolation."""
_KINDS: Final = ("[sqlite", "[postgresql", "[bubblewrap", "[none")
_ALONE: Final = {"service/tests/machinery/test_service_protocol.py", "service/tests/machinery/test_service_backup.py"}
_LONGEST: Final = (
    "stack",
    "matrix",
    "machinery[postgresql",
    "service[sqlite",
    "service/tests/machinery/test_service_protocol.py",
    "endpoint/tests/test_endpoint_commands.py",
    "service[postgresql",
    "machinery[sqlite",
    "endpoint/tests/test_endpoint_engine_end.py",
    "endpoint/tests/test_endpoint_lists.py",
    "endpoint/tests/test_endpoint_recovery.py",
    "endpoint/tests/test_endpoint_agent_service.py",
    "functions_catalog/tests/test_catalog_results.py",
    "portal/tests/test_portal_browser.py",
    "tests/test_up.py",
    "sdk/tests/test_sdk_fit_toys.py",
    "portal/tests/test_portal_pages.py",
    "endpoint/tests/test_endpoint_hostile.py",
    "lab[none",
    "lab[bubblewrap",
    "endpoint/tests/test_endpoint_seats.py",
)
"""What takes longest is begun first, so that nobody waits for it in the end."""


class _Together(LoadScopeScheduling):
    """Tests that share what takes seconds to start are one worker's, in one order.

    xdist's marker ``xdist_group`` has no effect with this version of pytest, which keeps a test's id elsewhere.
    """

    def _split_scope(self, nodeid: str) -> str:
        if any(mark in nodeid for mark in _IN_CONTAINERS):
            return "containers"
        path = nodeid.partition("::")[0]
        if path.startswith("tests/") and path not in _STACKS_OF_THEIR_OWN:
            return "stack"
        shared = next((name for folder, name in _SHARED.items() if path.startswith(folder)), "")
        if shared == "matrix":
            return shared
        kind = next((mark for mark in _KINDS if mark in nodeid), "")
        return f"{shared}{kind}" if shared and kind and path not in _ALONE else path

    def _assign_work_unit(self, node: WorkerController) -> None:
        if first := next((unit for unit in _LONGEST if unit in self.workqueue), None):
            self.workqueue.move_to_end(first, last=False)
        super()._assign_work_unit(node)


# Thousands of tests and hundreds of modules stay until the end: no garbage collection has to look at them.
gc.disable()
_GARBAGE: Final = 20_000
"""Objects that may wait: a process of the tests has memory enough."""


def pytest_collection_finish() -> None:
    """Let the collector work again, now and then, on what the tests themselves make."""
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    gc.enable()


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
