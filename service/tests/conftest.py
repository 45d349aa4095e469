"""A real service for the tests of this folder, on every database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.postgres import Postgres, running_postgres
from support.service import Service, running_service


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Return a PostgreSQL server of the tests' own; skip where there is none."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def new_database(request: pytest.FixtureRequest) -> Callable[[Path], str]:
    """Return a function that makes an empty database and returns its URL. Who asks for it runs on every database."""
    if request.param == "sqlite":
        return lambda folder: f"sqlite:///{folder}/openbeam.sqlite"
    server: Postgres = request.getfixturevalue("postgres")
    return lambda _folder: server.fresh()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the second time of a test that says it would show nothing new."""
    again = [one for one in items if _is_on_postgresql(one) and one.get_closest_marker("one_database")]
    if again:
        config.hook.pytest_deselected(items=again)
        items[:] = [one for one in items if one not in again]


def _is_on_postgresql(item: pytest.Item) -> bool:
    call = getattr(item, "callspec", None)
    return call is not None and call.params.get("new_database") == "postgresql"


def _starter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    with ExitStack() as stack:

        def start(**settings: str) -> Service:
            return stack.enter_context(running_service(tmp_path_factory.mktemp("home"), **settings))

        yield start


@pytest.fixture
def start_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Return a function that starts a service with environment variables of its own, which ends with the test."""
    yield from _starter(tmp_path_factory)


@pytest.fixture(scope="module")
def start_for_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Return the same, for a service that ends with the file."""
    yield from _starter(tmp_path_factory)


@pytest.fixture(scope="session")
def start_for_all(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Return the same, for a service that ends with the last test."""
    yield from _starter(tmp_path_factory)


@pytest.fixture(scope="session")
def service(
    start_for_all: Callable[..., Service],
    new_database: Callable[[Path], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Service:
    """Return the service that most tests share, on every database. They must not change what others rely on."""
    return start_for_all(OPENBEAM_DATABASE=new_database(tmp_path_factory.mktemp("database")))
