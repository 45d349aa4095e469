"""The network between an endpoint and its service is cut for a minute: everything hangs, and then goes on."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from openbeam import Client
from openbeam.states import RunState
from support.cable import Cable, cable
from support.faults import Truth, Watcher, publish, started_run, truth_of
from support.lender import Lender, lent
from support.service import Service, running_service

pytestmark = [pytest.mark.system, pytest.mark.opendata]

TESTS = Path(__file__).parent
PATIENCE = 150.0


@dataclass(frozen=True)
class Place:
    """A service here, an agent at the other end of a cable."""

    wire: Cable
    service: Service
    lender: Lender
    slow: str
    truth: Truth

    def client(self) -> Client:
        return Client(self.service.url, token=self.service.token)

    def person(self) -> subprocess.Popen[str]:
        """Return somebody at the other end."""
        program = [*self.wire.inside, sys.executable, "-m", "support.far", "far", str(PATIENCE)]
        environment = self.lender.environment | {"PYTHONPATH": str(TESTS)}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(program, env=environment, text=True, **pipes)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, doublemu: Path) -> Iterator[Place]:
    root = tmp_path_factory.mktemp("here")
    with cable() as wire:
        # There is no TLS on this cable; a service that is not on the same machine wants to be told.
        url = f"http://{wire.here}:{8000 + secrets.randbelow(1000)}"
        with (
            running_service(root, OPENBEAM_URL=url, AUTHLIB_INSECURE_TRANSPORT="1") as service,
            lent(service, tmp_path_factory.mktemp("there"), prefix=wire.inside) as lender,
            Client(service.url, token=service.token) as client,
        ):
            yield Place(wire, service, lender, publish(client, doublemu), truth_of(doublemu))


@dataclass(frozen=True)
class Cut:
    """A way to be without a network."""

    begin: Callable[[Cable], None]
    end: Callable[[Cable], None]
    seconds: float


CUTS = {
    "unplugged": Cut(Cable.pull, Cable.plug, 15),
    "silent": Cut(Cable.silence, Cable.hear, 60),
}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("how", CUTS)
def test_a_cut_costs_time_and_nothing_else(place: Place, how: str) -> None:
    cut = CUTS[how]
    with place.client() as client, place.client() as other, place.person() as person:
        _hear(person, "ready")
        run = started_run(client, place.slow, "far", seconds=5)
        watcher = Watcher(other.get_run(run.id))
        place.lender.look()
        _tell(person, run.id)
        _hear(person, "watching")
        cut.begin(place.wire)
        _tell(person, "it is cut")
        time.sleep(cut.seconds)
        state = client.get_run(run.id).state
        cut.end(place.wire)
        mended = time.monotonic()
        said, trouble = person.communicate(timeout=PATIENCE)
        far = time.monotonic() - mended
        run.wait(PATIENCE)
        watcher.join(30)
        place.truth.check(run)
    print(
        f"network {how} for {cut.seconds} s: next chunk {watcher.seconds_until_news(mended):.1f} s after it, complete "
        f"after {watcher.seen[-1][0] - mended:.1f} s, a person at the other end has all after {far:.1f} s; "
        f"{run.account.retries} retries of {run.account.chunks} chunks"
    )
    assert state is RunState.running
    assert said.split() == ["complete", str(place.truth.events)], trouble
    assert run.account.retries >= 1
    place.lender.look()


def _hear(person: subprocess.Popen[str], word: str) -> None:
    assert person.stdout is not None
    assert person.stdout.readline() == f"{word}\n", person.communicate()


def _tell(person: subprocess.Popen[str], line: str) -> None:
    assert person.stdin is not None
    person.stdin.write(f"{line}\n")
    person.stdin.flush()
