"""A clock jumps by a day in mid-run, and back in the next: the service's machine, the lender's, or both at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from openbeam import Client
from support.clock import DAY, Clock
from support.faults import Truth, Watcher, calls_going_on, publish, started_run, truth_of
from support.lender import Lender, lent
from support.service import Service, running_service

pytestmark = [pytest.mark.system, pytest.mark.opendata]


@dataclass(frozen=True)
class Place:
    """A service and a lender, each with a clock of its own."""

    service: Service
    lender: Lender
    clocks: dict[str, Clock]
    slow: str
    truth: Truth

    def client(self) -> Client:
        return Client(self.service.url, token=self.service.token)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, doublemu: Path) -> Iterator[Place]:
    clocks = {name: Clock.made_in(tmp_path_factory.mktemp(name)) for name in ("service", "lender")}
    with (
        running_service(tmp_path_factory.mktemp("here"), **clocks["service"].environment) as service,
        lent(service, tmp_path_factory.mktemp("there"), **clocks["lender"].environment) as lender,
        Client(service.url, token=service.token) as client,
    ):
        yield Place(service, lender, clocks, publish(client, doublemu), truth_of(doublemu))


@pytest.mark.parametrize("where", [("service",), ("lender",), ("service", "lender")], ids="-and-".join)
@pytest.mark.parametrize("to", [DAY, 0], ids=["forward", "back"])
def test_a_jump_costs_time_and_nothing_else(place: Place, where: tuple[str, ...], to: int) -> None:
    for name in where:
        place.clocks[name].jump(DAY - to)
    with place.client() as client, place.client() as other, place.client() as third:
        run = started_run(client, place.slow, "far", seconds=2)
        with calls_going_on(third, "far", 120) as more:
            watcher = Watcher(other.get_run(run.id))
            place.lender.look()
            for name in where:
                place.clocks[name].jump(to)
            jumped = time.monotonic()
            more()
            run.wait(120)
            watcher.join(30)
        calls = time.monotonic() - jumped
        print(
            f"clock of {' and '.join(where)} jumped to {to:+d} s: next chunk after "
            f"{watcher.seconds_until_news(jumped):.1f} s, complete after {watcher.seen[-1][0] - jumped:.1f} s, "
            f"calls after {calls:.1f} s; {run.account.retries} retries of {run.account.chunks} chunks"
        )
        place.truth.check(run)
        assert watcher.seen[-1][2] == place.truth.events
        assert place.lender.process.poll() is None
        assert calls_again(client) == 7


def calls_again(client: Client) -> int:
    """Call something after it all."""
    from support.faults import same

    return int(client.get_result(client.run(7, function_id=client.register_function(same), endpoint_id="far")))
