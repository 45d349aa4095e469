"""Somebody who lends a machine: an agent with a home of its own, perhaps on the far side of a network."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from openbeam import Client

from support.service import Service

__all__ = ["Lender", "lent"]

BIN = Path(sys.executable).parent


@dataclass
class Lender:
    """A started agent, and every process that it was seen to have."""

    name: str
    home: Path
    environment: dict[str, str]
    process: subprocess.Popen[bytes]
    seen: dict[int, psutil.Process] = field(default_factory=dict)

    def look(self) -> None:
        """Remember the processes of now."""
        top = psutil.Process(self.process.pid)
        self.seen |= {process.pid: process for process in [top, *top.children(recursive=True)]}

    def left(self) -> list[psutil.Process]:
        """Return the remembered processes that still run."""
        found = []
        for process in self.seen.values():
            with suppress(psutil.NoSuchProcess):
                found += [process] if process.is_running() and process.status() != psutil.STATUS_ZOMBIE else []
        return found

    def log(self) -> str:
        """Return the agent's log."""
        return (self.home / "endpoints" / self.name / "agent.log").read_text()

    def stop(self) -> None:
        """End the agent; nothing of it may be left."""
        self.look()
        self.process.terminate()
        self.process.wait(15)
        deadline = time.monotonic() + 5
        while self.left() and time.monotonic() < deadline:
            time.sleep(0.05)
        left = self.left()
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        assert left == []


@contextmanager
def lent(service: Service, home: Path, *, prefix: Sequence[str] = (), **environment: str) -> Iterator[Lender]:
    """Configure an endpoint ``far`` and start its agent; ``prefix`` says where."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENBEAM_")}
    known = kept | {"OPENBEAM_HOME": str(home), "OPENBEAM_URL": service.url, "OPENBEAM_TOKEN": service.token}
    command = [*prefix, str(BIN / "openbeam-endpoint")]
    subprocess.run([*command, "configure", "far"], env=known, check=True, capture_output=True, timeout=60)
    with (home / "said").open("wb") as said:
        process = subprocess.Popen([*command, "start", "far"], env=known | environment, stdout=said, stderr=said)
    lender = Lender("far", home, known | environment, process)
    try:
        with Client(service.url, token=service.token) as client:
            wait_until_online(client, lender)
        yield lender
    finally:
        if process.poll() is None:
            lender.stop()


def wait_until_online(client: Client, lender: Lender) -> None:
    """Return once the service has heard of the agent."""
    deadline = time.monotonic() + 90
    while not any(one.name == lender.name and one.online for one in client.endpoints()):
        assert time.monotonic() < deadline, (lender.home / "said").read_text()
        assert lender.process.poll() is None, (lender.home / "said").read_text()
        time.sleep(0.1)
