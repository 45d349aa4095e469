"""What a host does next: from whatever may be there it arrives at what is wanted, and touches nothing of others."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as some
from openbeam_endpoint.host.plan import (
    AGENT,
    Clear,
    Container,
    Create,
    Drain,
    Remove,
    Start,
    Step,
    Stop,
    Wanted,
    plan,
    seat,
)

HOST = "host"
ENDPOINTS = ["a", "b", "c"]
SPECS = ["old", "new"]


@dataclass
class World:
    """Containers and volumes, and what steps do to them."""

    containers: dict[str, Container]
    volumes: set[str]
    wanted: dict[str, Wanted]
    made: int = 0

    def do(self, step: Step) -> None:
        match step:
            case Create(endpoint=endpoint, role=role):
                assert not any((c.endpoint, c.role, c.host) == (endpoint, role, HOST) for c in self.containers.values())
                self.made += 1
                spec = self.wanted[endpoint].spec
                assert spec is not None
                new = Container(f"new-{self.made}", HOST, endpoint, role, spec, "created")
                self.containers[new.id] = new
                self.volumes.add(endpoint)
            case Clear(endpoint=endpoint):
                assert not any(c.endpoint == endpoint and c.host == HOST for c in self.containers.values())
                self.volumes.discard(endpoint)
            case Start(container=one):
                self._set(one, phase="running")
            case Stop(container=one):
                self._set(one, phase="exited")
            case Drain(container=one):
                assert one.role == AGENT
                self._set(one, draining="yes")
            case Remove(container=one):
                assert self.containers[one.id].host == HOST
                del self.containers[one.id]

    def _set(self, one: Container, **changes: object) -> None:
        assert self.containers[one.id].host == HOST
        self.containers[one.id] = replace(self.containers[one.id], **changes)  # type: ignore[arg-type]

    def pass_time(self, dies: bool) -> None:
        """Let tasks of draining agents end, or take too long."""
        for one in list(self.containers.values()):
            if one.host == HOST and one.draining == "yes" and one.phase == "running":
                self._set(one, **({"phase": "exited"} if dies else {"draining": "overdue"}))


containers = some.builds(
    Container,
    id=some.uuids().map(str),
    host=some.sampled_from([HOST, HOST, "other"]),
    endpoint=some.sampled_from([*ENDPOINTS, "gone"]),
    role=some.sampled_from([AGENT, seat(0), seat(1), seat(2), "engine-x"]),
    spec=some.sampled_from(SPECS),
    phase=some.sampled_from(["created", "running", "restarting", "exited", "broken"]),
    draining=some.sampled_from(["no", "no", "yes", "overdue"]),
)
wishes = some.lists(
    some.builds(
        Wanted,
        id=some.sampled_from(ENDPOINTS),
        running=some.booleans(),
        engines=some.integers(1, 3),
        spec=some.sampled_from(["new", "new", "new", None]),
    ),
    unique_by=lambda one: one.id,
)


@settings(max_examples=100, deadline=None)
@given(wishes, some.lists(containers, max_size=12, unique_by=lambda one: one.id), some.data())
def test_it_arrives_at_what_is_wanted_from_anywhere(
    wanted: list[Wanted], there: list[Container], data: some.DataObject
) -> None:
    foreign = {one.id: one for one in there if one.host != HOST}
    world = World(
        {one.id: one for one in there},
        set(data.draw(some.lists(some.sampled_from([*ENDPOINTS, "gone"])))),
        {one.id: one for one in wanted},
    )
    for _ in range(5):
        steps = plan(HOST, wanted, list(world.containers.values()), world.volumes)
        # A host that is killed has done some of them; the next one goes on.
        for step in steps[: data.draw(some.integers(1, max(1, len(steps))))]:
            world.do(step)
        world.pass_time(dies=data.draw(some.booleans()))
    for _ in range(15):
        for step in plan(HOST, wanted, list(world.containers.values()), world.volumes):
            world.do(step)
        world.pass_time(dies=False)
    assert plan(HOST, wanted, list(world.containers.values()), world.volumes) == []
    assert {one.id: one for one in world.containers.values() if one.host != HOST} == foreign
    for endpoint, found in itertools.groupby(
        sorted((one for one in world.containers.values() if one.host == HOST), key=lambda one: one.endpoint),
        key=lambda one: one.endpoint,
    ):
        _check(world.wanted[endpoint], list(found))
    for one in wanted:
        mine = [c for c in world.containers.values() if c.host == HOST and c.endpoint == one.id]
        assert not one.running or one.spec is None or len(mine) == one.engines + 1
    assert world.volumes <= world.wanted.keys()


def _check(wanted: Wanted, found: list[Container]) -> None:
    if not wanted.running:
        assert {one.phase for one in found} <= {"exited", "created"}
        return
    roles = [one.role for one in found]
    assert len(set(roles)) == len(roles)
    assert set(roles) <= {AGENT, *(seat(number) for number in range(wanted.engines))}
    assert {one.phase for one in found} <= {"running", "restarting"}
    if wanted.spec is not None:
        assert {one.spec for one in found} == {wanted.spec}


def test_an_agent_ends_its_tasks_before_anything_of_it_is_replaced() -> None:
    old = [Container(role, HOST, "a", role, "old", "running") for role in (AGENT, seat(0))]
    wanted = [Wanted("a", running=True, engines=1, spec="new")]
    assert plan(HOST, wanted, old, {"a"}) == [Drain(old[0])]
    draining = [replace(old[0], draining="yes"), old[1]]
    assert plan(HOST, wanted, draining, {"a"}) == []
    ended = [replace(draining[0], phase="exited"), old[1]]
    assert plan(HOST, wanted, ended, {"a"}) == [Remove(ended[0]), Remove(ended[1])]


def test_what_cannot_be_made_leaves_what_there_is_alone() -> None:
    old = [Container(role, HOST, "a", role, "old", "running") for role in (AGENT, seat(0))]
    assert plan(HOST, [Wanted("a", running=True, engines=1, spec=None)], old, {"a"}) == []
