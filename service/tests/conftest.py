"""A real service for the tests of this folder: Valkey and the server as processes, in a data directory of their own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from openbeam.home import Home
from openbeam.models import Role
from openbeam_service.identity import store, tokens
from openbeam_service.provision import initialise, opened
from openbeam_service.settings import Settings
from support.postgres import Postgres, running_postgres

_COMMAND = (sys.executable, "-m", "openbeam_service")


@dataclass(frozen=True)
class Service:
    """A running service."""

    settings: Settings
    token: str
    """Of the operator, who is an administrator."""
    http: httpx.Client
    """Signed in as the operator; its base is the service's URL."""
    anyone: httpx.Client
    """Not signed in."""
    server: subprocess.Popen[bytes]
    """The process of ``openbeam-service serve``."""
    queue: subprocess.Popen[bytes]
    """The process of ``openbeam-service valkey``."""

    @property
    def url(self) -> str:
        return self.settings.url

    @property
    def home(self) -> Home:
        return self.settings.home

    def user(self, name: str, role: Role = Role.student, password_hash: str | None = None) -> str:
        """Add a user; return a personal token of theirs."""
        with opened(self.settings) as db:
            return tokens.make(db, store.add_user(db, name, role, password_hash), days=1)

    def as_user(self, name: str, role: Role = Role.student) -> httpx.Client:
        """Add a user; return a client that is signed in as them."""
        return self.client(Authorization=f"Bearer {self.user(name, role)}")

    def client(self, **headers: str) -> httpx.Client:
        """Return a client of its own, with these headers."""
        return _client(self.url, **headers)

    def whoami(self, token: str) -> httpx.Response:
        """Ask who a token stands for."""
        return self.anyone.get("/api/v1/whoami", headers={"Authorization": f"Bearer {token}"})


def _client(url: str, **headers: str) -> httpx.Client:
    # There is no TLS here to verify, and reading all root certificates takes longer than a test.
    return httpx.Client(base_url=url, headers=headers, timeout=40, verify=False)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _process(command: str, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as sink:
        process = subprocess.Popen((*_COMMAND, command), env=environment, stdout=sink, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"{command} had to be killed")


def _wait_until_well(url: str, log: Path) -> None:
    deadline = time.monotonic() + 60
    with _client(url) as client:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if client.get("/api/v1/health").status_code == 200:
                    return
            time.sleep(0.05)
    pytest.fail(f"the service did not come up:\n{log.read_text()}")


@contextmanager
def _running(root: Path, settings: dict[str, str]) -> Iterator[Service]:
    wanted = {
        "OPENBEAM_HOME": str(root),
        "OPENBEAM_URL": f"http://127.0.0.1:{_free_port()}",
        "OPENBEAM_PORTAL_URL": "http://127.0.0.1:8601",
        **settings,
    }
    others = {name: value for name, value in os.environ.items() if not name.startswith("OPENBEAM_")}
    with pytest.MonkeyPatch.context() as patch:
        for name in os.environ.keys() - others.keys():
            patch.delenv(name)
        for name, value in wanted.items():
            patch.setenv(name, value)
        known = Settings()
    initialise(known)
    log = root / "log" / "service"
    with ExitStack() as stack:
        queue = stack.enter_context(_process("valkey", others | wanted, root / "log" / "valkey"))
        server = stack.enter_context(_process("serve", others | wanted, log))
        _wait_until_well(known.url, log)
        token = (known.home.tokens / "operator").read_text().strip()
        operator = stack.enter_context(_client(known.url, Authorization=f"Bearer {token}"))
        yield Service(known, token, operator, stack.enter_context(_client(known.url)), server, queue)


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


@pytest.fixture(scope="session")
def start_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Service]]:
    """Return a function that starts a service of its own, with environment variables of its own."""
    with ExitStack() as stack:

        def start(**settings: str) -> Service:
            return stack.enter_context(_running(tmp_path_factory.mktemp("home"), settings))

        yield start


@pytest.fixture(scope="session")
def service(
    start_service: Callable[..., Service],
    new_database: Callable[[Path], str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Service:
    """Return the service that most tests share, on every database. They must not change what others rely on."""
    return start_service(OPENBEAM_DATABASE=new_database(tmp_path_factory.mktemp("database")))
