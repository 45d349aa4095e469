"""A PostgreSQL server of the tests' own: in a folder of its own, on a unix socket, gone when they are."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest

_DEBIAN = Path("/usr/lib/postgresql")
# Nothing here need outlive a power cut. Words are sorted as no other database of ours sorts them, so that a list whose
# order depends on that shows.
_INIT = (
    *("--username=postgres", "--auth=trust", "--no-sync", "--encoding=UTF8"),
    *("--locale=C", "--locale-provider=icu", "--icu-locale=en"),
)
_SETTINGS = (
    *("fsync=off", "synchronous_commit=off", "full_page_writes=off", "listen_addresses="),
    *("shared_buffers=32MB", "max_connections=300", "timezone=Asia/Kathmandu", "log_min_messages=warning"),
)


def _programs() -> Path | None:
    """Return the folder of Debian's newest PostgreSQL; None when it is not installed."""
    found = [server.parent for server in _DEBIAN.glob("*/bin/postgres")]
    return max(found, key=lambda folder: float(folder.parent.name), default=None)


@dataclass
class Postgres:
    """A server in a folder, which can be stopped and started again."""

    programs: Path
    folder: Path
    owner: str | None
    process: subprocess.Popen[bytes] | None = None

    @property
    def _postgres(self) -> str:
        return f"host={self.folder} user=postgres dbname=postgres"

    def create(self) -> None:
        made = (self.programs / "initdb", "-D", self.folder / "data", *_INIT)
        subprocess.run(made, check=True, capture_output=True, user=self.owner, cwd=self.folder)

    def start(self) -> None:
        line = [self.programs / "postgres", "-D", self.folder / "data", "-k", self.folder]
        for setting in _SETTINGS:
            line += ["-c", setting]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(line, stdout=log, stderr=log, user=self.owner, cwd=self.folder)
        self._wait(self.process)

    def stop(self) -> None:
        """Stop the server; its clients lose their connections at once."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(30)
            self.process = None

    def add_owner(self) -> None:
        """Add who owns the databases: the service is nobody special in a site's server."""
        with psycopg.connect(self._postgres, autocommit=True) as connection:
            connection.execute("CREATE ROLE openbeam LOGIN")

    def fresh(self) -> str:
        """Make an empty database; return its SQLAlchemy URL."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self._postgres, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} OWNER openbeam")
        return f"postgresql+psycopg://openbeam@/{name}?host={self.folder}"

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            with suppress(psycopg.OperationalError):
                psycopg.connect(self._postgres).close()
                return
            time.sleep(0.05)
        pytest.fail(f"PostgreSQL did not start:\n{(self.folder / 'log').read_text()}")


def _owner() -> str | None:
    """Return who runs the server: never root, which it refuses."""
    if os.geteuid() != 0:
        return None
    with suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """Run a server, or skip with a loud word when there is none here."""
    programs = _programs()
    if programs is None:
        pytest.skip("POSTGRESQL IS NOT HERE: its half of the tests is skipped; on Debian: apt-get install postgresql")
    # Not below pytest's own folder, which only its owner may enter; and a socket's path must be short.
    folder, owner = Path(tempfile.mkdtemp(prefix="openbeam-pg-")), _owner()
    if owner is not None:
        shutil.chown(folder, owner)
    server = Postgres(programs, folder, owner)
    try:
        server.create()
        server.start()
        server.add_owner()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)
