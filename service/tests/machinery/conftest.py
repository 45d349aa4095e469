"""Fixtures of the tests of the registry, the queue, tasks and runs: a service whose leases are short."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from openbeam.home import Home
from openbeam_service import queue_server
from openbeam_service.settings import Settings
from redis import Redis
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from support.ports import free_port
from support.service import furnish

# The tests import what is beside this file.
sys.path.insert(0, str(Path(__file__).parent))

from service_analyses import publish, publish_datasets
from service_bench import Bench, make_bench
from service_kit import ANALYSIS, Agent, Machine


@pytest.fixture(scope="session")
def start_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Machine]]:
    """Return a function that starts a service with settings of its own."""
    with ExitStack() as stack:

        def start(**settings: str) -> Machine:
            machine = _prepared(tmp_path_factory.mktemp("home"), settings)
            stack.callback(_end, machine)
            machine.start("valkey", "serve")
            machine.wait_until_well()
            machine.token = (machine.settings.home.tokens / "operator").read_text().strip()
            return machine

        yield start


def _prepared(root: Path, settings: dict[str, str]) -> Machine:
    wanted = {
        "OPENBEAM_HOME": str(root),
        "OPENBEAM_URL": f"http://127.0.0.1:{free_port()}",
        "OPENBEAM_LEASE_SECONDS": "1",
        "OPENBEAM_SWEEP_SECONDS": "0.2",
        **settings,
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("OPENBEAM_")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in wanted.items():
            patch.setenv(name, value)
        known = Settings()
    furnish(known)
    return Machine(known, others | wanted)


def _end(machine: Machine) -> None:
    for command in list(machine.processes):
        machine.stop(command)


@pytest.fixture(scope="session")
def machine(
    start_machine: Callable[..., Machine],
    new_database: Callable[[Path], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Machine:
    """Return the service that most tests share, on every database. Leases last one second; uploads have up to 4 MB."""
    database = new_database(tmp_path_factory.mktemp("database"))
    return start_machine(OPENBEAM_MAX_UPLOAD_BYTES="4000000", OPENBEAM_DATABASE=database)


@pytest.fixture(scope="session")
def operator(machine: Machine) -> httpx.Client:
    return machine.client(machine.token)


@pytest.fixture(scope="module")
def agent(request: pytest.FixtureRequest, machine: Machine, operator: httpx.Client) -> Agent:
    """Return the agent of an endpoint that everybody sees; the module says its name as ``ENDPOINT``."""
    return machine.agent(operator, request.module.ENDPOINT)


@pytest.fixture(scope="module")
def published(operator: httpx.Client) -> None:
    """Publish the analysis ``spectrum``, and the datasets that it may run over."""
    publish(operator, "spectrum")
    publish_datasets(operator)


@pytest.fixture
def analysis(operator: httpx.Client, unique: Callable[[str], str]) -> str:
    """Return the name of an analysis that the chunk cache knows nothing of."""
    name = unique("fresh")
    publish(operator, name, f"{ANALYSIS}# {name}\n")
    return name


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start a queue's server of its own; return its URL."""
    home = Home(tmp_path_factory.mktemp("valkey"))
    with subprocess.Popen(queue_server.command(home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        url = f"unix://{home.socket('valkey')}"
        with Redis.from_url(url) as client:
            client.set_retry(Retry(ConstantBackoff(0.05), 200))
            assert client.ping()
        yield url
        process.kill()


@pytest.fixture
def bench(
    valkey: str, new_database: Callable[[Path], str], tmp_path: Path
) -> Callable[[Callable[[Bench], Coroutine[Any, Any, None]]], None]:
    """Return what runs a test with a bench, on every database."""

    def run(test: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
        async def inside() -> None:
            async with make_bench(valkey, new_database(tmp_path)) as made:
                await test(made)

        asyncio.run(inside())

    return run


@pytest.fixture
def unique() -> Callable[[str], str]:
    """Return a function that makes names nobody else has."""
    return lambda word: f"{word}-{uuid.uuid4().hex[:8]}"
