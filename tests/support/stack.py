"""The whole stack as a user starts it: ``launch/up`` in a process of its own, with a home and ports of its own."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
from openbeam import Client

from support import nursery
from support.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
PROGRAMS = {"valkey-server", "openbeam-service", "openbeam-endpoint", "openbeam-portal"}


def command(process: psutil.Process) -> str:
    """Return a process's command line; nothing when it has just ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


@dataclass(frozen=True)
class Person:
    """A user made for a test."""

    name: str
    password: str
    token: str


@dataclass
class Stack:
    """One started Openbeam."""

    home: Path
    extra: dict[str, str] = field(default_factory=dict)
    lines: list[str] = field(default_factory=list)
    seen: dict[tuple[int, float], psutil.Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.url = f"http://127.0.0.1:{free_port()}"
        self.portal_url = f"http://127.0.0.1:{free_port()}"
        path = f"{REPOSITORY / '.venv' / 'bin'}:{os.environ['PATH']}"
        # Short, for the paths of sockets, and its own, so that what is left in it is known.
        self.temporary = Path(tempfile.mkdtemp(prefix="ob-"))
        own = {
            "OPENBEAM_HOME": str(self.home),
            "OPENBEAM_URL": self.url,
            "OPENBEAM_PORTAL_URL": self.portal_url,
            "TMPDIR": str(self.temporary),
        }
        drop = {name for name in os.environ if name.startswith("OPENBEAM_")}
        kept = {name: value for name, value in os.environ.items() if name not in drop}
        self.environment = kept | own | {"PATH": path} | self.extra
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> float:
        """Start, wait for the account line of the first run, and return the seconds that took."""
        began = time.monotonic()
        self.process = subprocess.Popen(
            [REPOSITORY / "launch" / "up"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        self.wait_for_line(r"2,304 of 2,304 events", 120)
        seconds = time.monotonic() - began
        self.look()
        return seconds

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for_line(self, pattern: str, seconds: float) -> str:
        """Return the first line of the terminal that matches, or fail with all of the terminal."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for line in list(self.lines):
                if re.search(pattern, line):
                    return line
            assert self.process is not None
            assert self.process.poll() is None, f"stopped by itself:\n{self.terminal()}"
            time.sleep(0.05)
        raise AssertionError(f"no line like {pattern!r} within {seconds} s:\n{self.terminal()}\n{self.logs()}")

    def terminal(self) -> str:
        """Return all that the terminal has shown."""
        return "\n".join(self.lines)

    def logs(self) -> str:
        """Return the end of each program's log."""
        ends = (
            f"== {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in (self.home / "log").glob("*.log")
        )
        return "\n".join(ends)

    def processes(self) -> list[psutil.Process]:
        """Return every process of this stack that runs now."""
        assert self.process is not None
        try:
            top = psutil.Process(self.process.pid)
            return [top, *top.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def look(self) -> None:
        """Remember the processes of now, so that a later check can tell whether one was left."""
        for process in self.processes():
            with suppress(psutil.NoSuchProcess):
                self.seen[process.pid, process.create_time()] = process

    def program(self, name: str) -> psutil.Process:
        """Return the supervised program whose command names ``name``."""
        assert self.process is not None
        for supervisor in psutil.Process(self.process.pid).children():
            for child in supervisor.children():
                if name in command(child):
                    return child
        raise AssertionError(f"{name} does not run:\n{self.logs()}")

    @contextmanager
    def without_service(self) -> Iterator[None]:
        """End the service alone, and let it come back afterwards: meanwhile nobody is there to start it again."""
        assert self.process is not None
        (supervisor,) = psutil.Process(self.process.pid).children()
        service = self.program("openbeam-service serve")
        supervisor.suspend()
        try:
            service.terminate()
            while service.status() != psutil.STATUS_ZOMBIE:
                time.sleep(0.05)
            yield
        finally:
            supervisor.resume()
        self.wait_until_well()

    def wait_until_well(self) -> None:
        """Return once the service answers."""
        deadline = time.monotonic() + 60
        while not self._is_well():
            assert time.monotonic() < deadline, f"the service did not come back:\n{self.logs()}"
            time.sleep(0.1)
        self.look()

    def _is_well(self) -> bool:
        try:
            return httpx.get(f"{self.url}/api/v1/health", trust_env=False).is_success
        except httpx.TransportError:
            return False

    def stop(self, how: signal.Signals = signal.SIGINT) -> list[str]:
        """Press Ctrl-C, wait, and return what is left running (nothing, when all is well)."""
        assert self.process is not None
        self.look()
        if self.process.poll() is None:
            os.killpg(self.process.pid, how)  # as a terminal does: to everybody in the foreground
            self.process.wait(40)
        deadline = time.monotonic() + 5
        while (left := self.left()) and time.monotonic() < deadline:
            time.sleep(0.1)
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        files = self.files_left()
        self.clear_away()
        return [f"{process.pid} {process.name()}" for process in left] + files

    def clear_away(self) -> None:
        """Remove the folder for temporary files, which a stack has before it starts."""
        shutil.rmtree(self.temporary, ignore_errors=True)

    def files_left(self) -> list[str]:
        """Return the sockets and temporary files that nobody has cleared away."""
        found = [path for path in self.temporary.rglob("*") if not path.is_dir()]
        # A home too deep for sockets has a folder for them here, by its own name, at every start.
        found += [path for path in self.temporary.iterdir() if not path.name.startswith(f"openbeam-{os.getuid()}-")]
        found += [path for path in self.home.rglob("*") if path.is_socket()]
        found += list(self.home.glob("endpoints/*/scratch/*"))
        return [str(path) for path in found]

    def left(self) -> list[psutil.Process]:
        """Return the remembered processes that still run."""
        found = []
        for process in self.seen.values():
            with suppress(psutil.NoSuchProcess):
                found += [process] if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else []
        return found

    def run_tool(
        self, *command: str, stdin: str | None = None, timeout: float = 60
    ) -> subprocess.CompletedProcess[str]:
        """Run one of our command lines against this stack."""
        return subprocess.run(
            command, env=self.environment, input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )

    def person(self, role: str) -> Person:
        """Make a user with a password and a personal token, by the administrator's command line."""
        name, password = f"{role}-{secrets.token_hex(3)}", secrets.token_urlsafe(12)
        add = ("openbeam-service", "user", "add", name, "--role", role, "--password-stdin")
        made = nursery.run(*add, env=self.environment, typed=password)
        assert made.returncode == 0, made.stderr
        token = nursery.run("openbeam-service", "token", name, env=self.environment)
        assert token.returncode == 0, token.stderr
        return Person(name, password, token.stdout.strip())

    def client(self, token: str | None = None) -> Client:
        """Return a client; without a token, the operator's."""
        return Client(url=self.url, token=token or (self.home / "tokens" / "operator").read_text().strip())
