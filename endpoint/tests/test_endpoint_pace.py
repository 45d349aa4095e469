"""An agent keeps more tasks at hand when they are short."""

from __future__ import annotations

import asyncio

import pytest
from openbeam.models import LeasedTask
from openbeam_endpoint.agent import pace
from openbeam_endpoint.agent.held import Held, Leases, Stage


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(pace, "time", made)
    return made


def _engaged(leases: Leases, number: int) -> list[Held]:
    tasks = [
        LeasedTask(task_id=str(index), lease_id="l", kind="call", tenant="t", timeout=1, files=[], body="", code="")
        for index in range(number)
    ]
    held = [one for task in tasks if (one := leases.add(task))]
    for one in held:
        leases.move(one, Stage.engaged)
    return held


def _end(leases: Leases, held: Held) -> None:
    leases.move(held, Stage.ended)
    leases.remove(held)


@pytest.mark.parametrize(("gap", "room"), [(0.005, 100), (0.0001, 128), (0.1, 5), (10.0, 0)])
def test_room_follows_the_pace(clock: Clock, gap: float, room: int) -> None:
    leases = Leases(4)
    assert leases.room() == 4
    for one in _engaged(leases, 60):
        clock.now += gap
        _end(leases, one)
    assert leases.room() == min(4 + room, 64)


def test_time_without_work_says_nothing(clock: Clock) -> None:
    leases = Leases(4)
    for _ in range(10):
        clock.now += 100
        (one,) = _engaged(leases, 1)
        clock.now += 0.01
        _end(leases, one)
    assert leases.room() == 4


def test_a_request_is_made_when_it_brings_many(clock: Clock) -> None:
    leases = Leases(4)
    held = _engaged(leases, 104)
    for one in held[:50]:
        clock.now += 0.005
        _end(leases, one)

    async def room() -> int:
        return await asyncio.wait_for(leases.wait_for_room(), 5)

    assert asyncio.run(room()) == 50
    for one in held[50:]:
        clock.now += 0.005
        _end(leases, one)
    assert asyncio.run(room()) == 64
