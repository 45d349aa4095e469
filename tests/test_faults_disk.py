"""The disk of a service, or of a lender, is full for some seconds in mid-run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from openbeam import Client
from openbeam.errors import ServiceUnavailable
from support.disk import Disk, small_disk
from support.faults import Truth, Watcher, publish, same, started_run, truth_of
from support.lender import Lender, lent
from support.service import Service, running_service

pytestmark = [pytest.mark.system, pytest.mark.opendata]

SECONDS = 8.0


@dataclass(frozen=True)
class Place:
    """A service and a lender, each on a small disk."""

    service: Service
    lender: Lender
    disks: dict[str, Disk]
    slow: str
    truth: Truth

    def client(self) -> Client:
        return Client(self.service.url, token=self.service.token)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, doublemu: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        folders = {name: tmp_path_factory.mktemp(name) for name in ("service", "lender")}
        disks = {name: stack.enter_context(small_disk(folder)) for name, folder in folders.items()}
        service = stack.enter_context(running_service(folders["service"]))
        lender = stack.enter_context(lent(service, folders["lender"]))
        client = stack.enter_context(Client(service.url, token=service.token))
        yield Place(service, lender, disks, publish(client, doublemu), truth_of(doublemu))


@pytest.mark.parametrize("where", ["service", "lender"])
def test_a_full_disk_costs_time_and_nothing_else(place: Place, where: str) -> None:
    with place.client() as client, place.client() as other:
        function = client.register_function(same)
        run = started_run(client, place.slow, "far", seconds=2)
        watcher = Watcher(other.get_run(run.id))
        place.lender.look()
        place.disks[where].fill()
        if where == "service":
            with pytest.raises(ServiceUnavailable, match="disk"):
                client.submit_run(place.slow, "faults-100k", endpoint="far", fresh=True)
        time.sleep(SECONDS)
        place.disks[where].free()
        freed = time.monotonic()
        run.wait(120)
        done = time.monotonic() - freed
        watcher.join(30)
        print(
            f"disk of the {where} full for {SECONDS:g} s: complete {done:.1f} s after there was room again; "
            f"{run.account.retries} retries of {run.account.chunks} chunks"
        )
        place.truth.check(run)
        assert watcher.seen[-1][2] == place.truth.events
        assert client.get_result(client.run(7, function_id=function, endpoint_id="far")) == 7
