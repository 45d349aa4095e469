"""Hosts and managed endpoints over REST: what an administrator wants reaches the host, and what it sees comes back."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey
from openbeam import Client
from openbeam.errors import Conflict, InvalidInput, NotSignedIn, UnknownEndpoint, UnknownHost, from_json
from openbeam.models import (
    Host,
    HostLimits,
    HostOrders,
    HostReport,
    HostSpec,
    HostStatus,
    ManagedEndpoint,
    ManagedKey,
    ManagedSeen,
    ManagedState,
    Model,
    OrdersRequest,
    Role,
)
from openbeam.transport import Transport
from openbeam_endpoint.identity import Tokens, public_jwk
from openbeam_service.identity import store
from openbeam_service.provision import opened

IMAGE = "openbeam/environment-hep:2026"
LIMITS = HostLimits(images=["openbeam/*"], endpoints=3, memory=48 * 1024**3, workers=8)
STATUS = HostStatus(version="0.1.0", engine="Docker 20.10", limits=LIMITS)


class Machine:
    """A host's agent that speaks the protocol and runs nothing."""

    def __init__(self, beam: Client) -> None:
        self.key = ECKey.generate_key("P-256", auto_kid=True)
        self.host = beam.enrol_host(HostSpec(name=f"rack-{uuid.uuid4().hex[:8]}", key=public_jwk(self.key)))
        self.tokens = Tokens(beam.url, self.host.id, self.key, scope="endpoint:host")
        self.wire = Transport(beam.url, self.tokens.get(), 40)

    def orders(self, known: int = -1, wait: float = 0) -> HostOrders:
        return self.wire.post(HostOrders, "/host/orders", OrdersRequest(known=max(known, 0), wait=wait))

    def report(self, *seen: ManagedSeen, gone: tuple[str, ...] = (), status: HostStatus = STATUS) -> None:
        self._tell("/host/report", HostReport(status=status, endpoints=list(seen), gone=list(gone)))

    def sees(self, one: ManagedEndpoint, state: ManagedState = ManagedState.running, **more: Any) -> ManagedSeen:
        return ManagedSeen(id=one.id, generation=self.orders().generation, state=state, **more)

    def give_key(self, one: ManagedEndpoint) -> ECKey:
        key = ECKey.generate_key("P-256", auto_kid=True)
        self._tell(f"/host/endpoints/{one.id}/key", ManagedKey(key=public_jwk(key)))
        return key

    def _tell(self, path: str, told: Model) -> None:
        headers = {"Authorization": f"Bearer {self.tokens.get()}"}
        answer = httpx.post(f"{self.wire.url}/api/v1{path}", json=told.model_dump(mode="json"), headers=headers)
        if answer.is_error:
            raise from_json(answer.json()["error"])


@pytest.fixture(scope="module")
def beam(service: Any) -> Iterator[Client]:
    with Client(url=service.url, token=service.token) as client:
        yield client


@pytest.fixture
def machine(beam: Client) -> Iterator[Machine]:
    made = Machine(beam)
    yield made
    made.wire.close()


def name() -> str:
    return f"lab-{uuid.uuid4().hex[:8]}"


def test_what_is_wanted_reaches_the_host_and_what_it_sees_comes_back(beam: Client, machine: Machine) -> None:
    made = beam.add_managed(machine.host, name(), IMAGE, workers=3, engines=1, labels={"site": "school"})
    assert (made.state, made.current, made.online) == (ManagedState.waiting, False, False)
    (order,) = machine.orders().endpoints
    assert (order.id, order.image, order.workers, order.owner) == (made.id, IMAGE, 3, "operator")
    machine.report(machine.sees(made, cpu=1.5, memory=10**9, engines=1, log=["ready", "leased"]))
    seen = beam.managed(machine.host, made.name)
    assert (seen.state, seen.current) == (ManagedState.running, True)
    assert seen.seen is not None
    assert (seen.seen.cpu, seen.seen.log) == (1.5, [])
    assert beam.managed_log(machine.host, made).lines == ["ready", "leased"]
    host = beam.host(machine.host.name)
    assert host.online
    assert host.status == STATUS
    assert [one.id for one in host.endpoints] == [made.id]
    assert beam.endpoint(made.id).labels == {"site": "school"}


def test_a_change_wakes_the_host_that_waits(beam: Client, machine: Machine) -> None:
    made = beam.add_managed(machine.host, name(), IMAGE)
    known = machine.orders().generation
    heard: list[HostOrders] = []
    waiting = threading.Thread(target=lambda: heard.append(machine.orders(known, wait=30)))
    began = time.monotonic()
    waiting.start()
    changed = beam.change_managed(machine.host, made, workers=5, state="stopped")
    waiting.join(35)
    print(f"woken after {time.monotonic() - began:.2f} s")
    (order,) = heard[0].endpoints
    assert (order.workers, order.wanted.value, order.generation) == (5, "stopped", changed.generation)
    assert changed.generation > known
    again = beam.restart_managed(machine.host, made)
    assert machine.orders().endpoints[0].epoch == order.epoch + 1
    assert again.generation == changed.generation + 1


def test_a_managed_endpoint_has_the_key_that_its_host_made_last(beam: Client, machine: Machine) -> None:
    made = beam.add_managed(machine.host, name(), IMAGE)
    first = machine.give_key(made)
    Tokens(beam.url, made.id, first).get()
    second = machine.give_key(made)
    Tokens(beam.url, made.id, second).get()
    with pytest.raises(NotSignedIn):
        Tokens(beam.url, made.id, first).get()
    with pytest.raises(NotSignedIn):
        Tokens(beam.url, made.id, second, scope="endpoint:host").get()
    with pytest.raises(NotSignedIn):
        Tokens(beam.url, machine.host.id, machine.key, scope="endpoint:agent").get()


def test_a_host_knows_nothing_of_other_hosts_endpoints(beam: Client, machine: Machine) -> None:
    other = Machine(beam)
    made = beam.add_managed(other.host, name(), IMAGE)
    with pytest.raises(UnknownEndpoint):
        machine.give_key(made)
    machine.report(machine.sees(made, problem="not mine"), gone=(made.id,))
    assert beam.managed(other.host, made.name).seen is None
    assert machine.orders().endpoints == []
    other.wire.close()


def test_what_a_host_does_not_allow_is_refused_at_once(beam: Client, machine: Machine) -> None:
    machine.report()
    with pytest.raises(InvalidInput, match=r"does not allow the image 'evil/miner'; it allows openbeam/\*"):
        beam.add_managed(machine.host, name(), "evil/miner")
    with pytest.raises(InvalidInput, match="at most 8 workers"):
        beam.add_managed(machine.host, name(), IMAGE, workers=9)
    made = beam.add_managed(machine.host, name(), IMAGE, memory=10 * 1024**3)
    with pytest.raises(InvalidInput, match=r"18.0 GiB left for engines, and this needs 24.0 GiB"):
        beam.add_managed(machine.host, name(), IMAGE, memory=8 * 1024**3)
    with pytest.raises(Conflict, match="is there already"):
        beam.add_managed(machine.host, made.name, IMAGE, engines=1)
    beam.change_managed(machine.host, made, memory=16 * 1024**3)
    with pytest.raises(InvalidInput, match="memory"):
        beam.change_managed(machine.host, made, memory=1)


def test_what_is_removed_is_forgotten_when_the_host_has_cleared_it_away(beam: Client, machine: Machine) -> None:
    made = beam.add_managed(machine.host, name(), IMAGE)
    key = machine.give_key(made)
    machine.report(machine.sees(made), gone=(made.id,))
    assert beam.managed(machine.host, made.id).state is ManagedState.running  # nobody asked to remove it
    beam.remove_managed(machine.host, made)
    assert beam.managed(machine.host, made.id).state is ManagedState.removing
    assert machine.orders().endpoints[0].removing
    with pytest.raises(NotSignedIn):
        Tokens(beam.url, made.id, key).get()
    with pytest.raises(Conflict, match="being removed"):
        machine.give_key(made)
    for change in (lambda: beam.change_managed(machine.host, made, workers=1), lambda: beam.delete_host(machine.host)):
        with pytest.raises(Conflict):
            change()
    machine.report(gone=(made.id,))
    assert beam.host(machine.host.id).endpoints == []
    # The name is free again.
    assert beam.add_managed(machine.host, made.name, IMAGE).name == made.name


def test_a_revoked_host_is_refused_with_all_that_it_runs(beam: Client, machine: Machine) -> None:
    made = beam.add_managed(machine.host, name(), IMAGE)
    key = machine.give_key(made)
    beam.revoke_host(machine.host)
    with pytest.raises(NotSignedIn):
        machine.orders()
    with pytest.raises(NotSignedIn):
        Tokens(beam.url, made.id, key).get()
    assert not beam.host(machine.host.id).active
    beam.remove_managed(machine.host, made)
    beam.delete_host(machine.host)
    with pytest.raises(UnknownHost):
        beam.host(machine.host.id)


def test_a_host_is_let_in_by_an_administrator_and_only_while_they_are_one(service: Any) -> None:
    who = f"boss-{uuid.uuid4().hex[:8]}"
    with Client(url=service.url, token=service.user(who, Role.admin)) as boss:
        machine = Machine(boss)
        assert machine.orders().endpoints == []
        with opened(service.settings) as db:
            store.the_user(db, who).role = Role.teacher
        with pytest.raises(NotSignedIn, match="no administrator any more"):
            machine.orders()
    machine.wire.close()


def test_enrolling_again_replaces_the_key_and_keeps_the_endpoints(beam: Client, machine: Machine) -> None:
    made = beam.add_managed(machine.host, name(), IMAGE)
    key = ECKey.generate_key("P-256", auto_kid=True)
    again: Host = beam.enrol_host(HostSpec(name=machine.host.name, key=public_jwk(key)))
    assert [one.id for one in again.endpoints] == [made.id]
    with pytest.raises(NotSignedIn):
        Tokens(beam.url, again.id, machine.key, scope="endpoint:host").get()
    Tokens(beam.url, again.id, key, scope="endpoint:host").get()


def test_metrics_count_hosts_and_what_they_run(service: Any, beam: Client, machine: Machine) -> None:
    made = beam.add_managed(machine.host, name(), IMAGE)
    machine.report(machine.sees(made, ManagedState.failed, problem="The image is not there."))

    def told() -> bool:
        text = service.anyone.get("/metrics").text
        return 'openbeam_managed_endpoints{state="failed"} 1.0' in text and 'openbeam_hosts{state="online"}' in text

    end = time.monotonic() + 15
    while not told():  # numbers of the database may be some seconds old
        assert time.monotonic() < end
        time.sleep(0.2)
    assert beam.managed(machine.host, made.id).problem == "The image is not there."
