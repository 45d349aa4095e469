"""A real service: Valkey and the server as processes, in a data directory of their own."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import httpx
import pytest
from openbeam.home import Home
from openbeam.models import Role
from openbeam.places import trust
from openbeam_service import queue_server
from openbeam_service.database.upgrade import upgrade
from openbeam_service.identity import store, tokens
from openbeam_service.provision import initialise, opened
from openbeam_service.settings import Settings
from sqlalchemy import make_url

from support.nursery import Forked, serve
from support.ports import free_port

__all__ = ["Service", "furnish", "running_service", "wait_until_well"]


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
    server: Forked
    """The process of ``openbeam-service serve``."""
    queue: subprocess.Popen[bytes]
    """The queue's server."""

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
    return httpx.Client(base_url=url, headers=headers, timeout=40, **trust(url))


@contextmanager
def _ending(process: subprocess.Popen[bytes] | Forked, what: str) -> Iterator[None]:
    """End a process after the block."""
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            pytest.fail(f"the {what} had to be killed")


def wait_until_well(url: str, log: Path) -> None:
    """Return once a service answers; what it logs says why it does not."""
    deadline = time.monotonic() + 60
    with _client(url) as client:
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if client.get("/api/v1/health").status_code == 200:
                    return
            time.sleep(0.05)
    pytest.fail(f"the service did not come up:\n{log.read_text()[-4000:]}")


def furnish(settings: Settings) -> None:
    """Make what ``openbeam-service init`` makes; a file of SQLite begins with its tables."""
    place = make_url(settings.database)
    if place.get_backend_name() == "sqlite" and not Path(str(place.database)).exists():
        Path(str(place.database)).write_bytes(_tables())
    initialise(settings)


@cache
def _tables() -> bytes:
    """Return an empty database: all migrations take longer than many a test."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "empty.db"
        upgrade(f"sqlite:///{path}")
        return path.read_bytes()


@contextmanager
def running_service(root: Path, **settings: str) -> Iterator[Service]:
    """Start a service in this data directory, with these environment variables."""
    wanted = {
        "OPENBEAM_HOME": str(root),
        "OPENBEAM_URL": f"http://127.0.0.1:{free_port()}",
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
    furnish(known)
    log = root / "log" / "service"
    with ExitStack() as stack:
        with (root / "log" / "valkey").open("wb") as sink:
            queue = subprocess.Popen(queue_server.command(known.home), stdout=sink, stderr=subprocess.STDOUT)
        stack.enter_context(_ending(queue, "queue's server"))
        server = serve(others | wanted, log)
        stack.enter_context(_ending(server, "service"))
        wait_until_well(known.url, log)
        token = (known.home.tokens / "operator").read_text().strip()
        operator = stack.enter_context(_client(known.url, Authorization=f"Bearer {token}"))
        yield Service(known, token, operator, stack.enter_context(_client(known.url)), server, queue)
