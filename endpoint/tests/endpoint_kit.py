"""One machine's service and endpoints, as their users start them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import psutil
from openbeam import Client
from support.nursery import Forked, run, serve

BIN = Path(sys.executable).parent


def until(fact: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"it did not become so within {seconds} s"
        time.sleep(0.02)


async def becomes(fact: Callable[[], object], seconds: float = 10) -> None:
    """Wait in an event loop, as ``until`` does elsewhere."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"it did not become so within {seconds} s"
        await asyncio.sleep(0.005)


@dataclass
class Agent:
    """A started ``openbeam-endpoint start``, its log, and every process that it was seen to have."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    def __post_init__(self) -> None:
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.lines.extend(self.process.stderr)

    def says(self, words: str) -> bool:
        assert self.process.poll() is None or any(words in line for line in self.lines), self.lines
        return any(words in line for line in self.lines)

    def look(self) -> None:
        top = psutil.Process(self.process.pid)
        self.seen |= {process.pid: process for process in [top, *top.children(recursive=True)]}

    def has_engine(self) -> bool:
        for process in psutil.Process(self.process.pid).children(recursive=True):
            with suppress(psutil.NoSuchProcess):
                if "openbeam_endpoint.engine.main" in process.cmdline():
                    return True
        return False

    def left(self) -> list[psutil.Process]:
        found = []
        for process in self.seen.values():
            with suppress(psutil.NoSuchProcess):
                found += [process] if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else []
        return found

    def end(self, number: int) -> float:
        """Send a signal; return the seconds until the agent and all that it started are gone."""
        self.look()
        began = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(10)
        until(lambda: not self.left(), 10)
        return time.monotonic() - began


@dataclass
class Site:
    """One machine's service and the command lines that belong to it."""

    home: Path
    url: str
    environment: dict[str, str]
    service: Forked | None = None

    def run(self, *command: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return run(*command, env=self.environment, timeout=timeout)

    def spawn(self, *command: str) -> subprocess.Popen[bytes]:
        line = [str(BIN / command[0]), *command[1:]]
        with (self.home / "log" / command[1]).open("ab") as log:
            return subprocess.Popen(line, env=self.environment, stdout=log, stderr=log)

    def serve(self) -> None:
        self.service = serve(self.environment, self.home / "log" / "serve")
        with self.client() as client:
            client.wait_for_service(30)

    def stop_serving(self) -> None:
        assert self.service is not None
        self.service.terminate()
        self.service.wait(10)

    def client(self, token: str | None = None) -> Client:
        return Client(url=self.url, token=token or (self.home / "tokens" / "operator").read_text().strip())

    @contextmanager
    def agent(self, name: str = "lab", **environment: str) -> Iterator[Agent]:
        line = [str(BIN / "openbeam-endpoint"), "start", name]
        own = self.environment | environment
        agent = Agent(subprocess.Popen(line, env=own, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
        try:
            yield agent
        finally:
            if agent.process.poll() is None:
                agent.look()
                agent.process.kill()
                agent.process.wait()
            for process in agent.left():
                with suppress(psutil.NoSuchProcess):
                    process.kill()


class Mirror:
    """Serves one file over HTTP, half of it at once and the rest when a test says so."""

    def __init__(self, content: bytes) -> None:
        self.asked = 0
        self.go_on = threading.Event()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2])
                self.wfile.flush()
                mirror.go_on.wait(10)
                self.wfile.write(content[len(content) // 2 :])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self.go_on.set()
        self.server.shutdown()
        self.server.server_close()
