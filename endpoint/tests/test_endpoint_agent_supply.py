"""Spare engines: given at once, replaced, and told of when there are none.

Engines here only count: what is tested is who gets which, and in what order. Real ones are in the tests of recovery.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from openbeam.errors import EngineFault
from openbeam_endpoint.agent.supply import Supply


class Counted:
    """What a supply sees of an engine. It starts when it may."""

    def __init__(self, number: int, may_start: threading.Event, *, breaks: bool) -> None:
        self.name = f"engine {number}"
        self.healthy = self.closed = False
        self._may_start, self._breaks = may_start, breaks

    def start(self) -> None:
        self._may_start.wait(10)
        if self._breaks:
            raise EngineFault("It does not start.")
        self.healthy = True

    def close(self) -> None:
        self.healthy, self.closed = False, True
        self._may_start.set()


class House:
    def __init__(self, spares: int) -> None:
        self.made: list[Counted] = []
        self.troubles: list[str] = []
        self.may_start = threading.Event()
        self.may_start.set()
        self.breaks = False
        self.calm = True
        self.supply: Any = Supply(self.make, spares=spares, on_trouble=self.troubles.append)  # type: ignore[arg-type]

    def make(self) -> Counted:
        self.made.append(Counted(len(self.made), self.may_start, breaks=self.breaks))
        return self.made[-1]

    async def until(self, fact: Callable[[], object]) -> None:
        for _ in range(1000):
            if fact():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it did not become so within five seconds")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., House]:
    place = "openbeam_endpoint.agent.supply"
    for name, seconds in {"_LOOK_SECONDS": 0.01, "_CALM_SECONDS": 0.02, "_FIRST_PAUSE": 0.02}.items():
        monkeypatch.setattr(f"{place}.{name}", seconds)

    def run(what: Callable[[House], Awaitable[None]], *, spares: int = 1) -> House:
        async def main() -> House:
            house = House(spares)
            keeping = asyncio.create_task(house.supply.keep(lambda: house.calm))
            try:
                await what(house)
            finally:
                keeping.cancel()
                await house.supply.close()
                house.supply.stop()
            return house

        return asyncio.run(main())

    return run


Run = Callable[..., House]


def test_a_spare_is_given_at_once_and_replaced(run: Run) -> None:
    async def what(house: House) -> None:
        await house.until(lambda: house.supply.has_spare)
        house.may_start.clear()
        assert (await house.supply.take()) is house.made[0]
        await house.until(lambda: len(house.made) == 2)
        house.may_start.set()
        await house.until(lambda: house.supply.has_spare)

    house = run(what)
    assert [engine.closed for engine in house.made] == [False, True]


def test_without_spares_an_engine_starts_for_whoever_asks(run: Run) -> None:
    async def what(house: House) -> None:
        await asyncio.sleep(0.1)
        assert house.made == []
        engines = await asyncio.gather(*(house.supply.take() for _ in range(3)))
        assert engines == house.made
        assert len(house.made) == 3

    run(what, spares=0)


def test_who_asks_gets_the_one_that_is_on_its_way(run: Run) -> None:
    async def what(house: House) -> None:
        house.may_start.clear()
        await house.until(lambda: house.made)
        asked = asyncio.create_task(house.supply.take())
        await asyncio.sleep(0.05)
        house.may_start.set()
        assert (await asked) is house.made[0]

    run(what)


def test_a_spare_that_is_lost_is_not_given_but_replaced(run: Run) -> None:
    async def what(house: House) -> None:
        await house.until(lambda: house.supply.has_spare)
        house.made[0].healthy = False
        engine = await house.supply.take()
        assert engine is house.made[1]
        assert engine.healthy
        assert house.made[0].closed

    run(what)


def test_a_start_that_fails_is_told_to_who_asked_and_the_next_one_is_tried(run: Run) -> None:
    async def what(house: House) -> None:
        house.breaks = True
        with pytest.raises(EngineFault, match="does not start"):
            await house.supply.take()
        house.breaks = False
        assert (await house.supply.take()).healthy
        assert house.made[0].closed

    run(what, spares=0)


def test_a_spare_that_never_starts_is_told_until_it_does(run: Run) -> None:
    async def what(house: House) -> None:
        house.breaks = True
        await house.until(lambda: len(house.troubles) == 2)
        house.breaks = False
        await house.until(lambda: house.supply.has_spare)

    troubles = run(what).troubles
    assert troubles[0] == "A spare engine does not start: It does not start."
    assert troubles[-1] == ""


def test_a_spare_waits_with_its_start_for_a_calm_moment_but_not_for_ever(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("openbeam_endpoint.agent.supply._PATIENCE_SECONDS", 0.5)

    async def what(house: House) -> None:
        house.calm = False
        await asyncio.sleep(0.2)
        assert not house.made
        await house.until(lambda: house.supply.has_spare)

    run(what)


def test_who_stops_waiting_leaves_the_engine_to_others(run: Run) -> None:
    async def what(house: House) -> None:
        house.may_start.clear()
        gone, stays = (asyncio.create_task(house.supply.take()) for _ in range(2))
        await house.until(lambda: house.made)
        gone.cancel()
        house.may_start.set()
        assert (await stays) is house.made[0]

    run(what, spares=0)


def test_closing_ends_what_is_on_its_way(run: Run) -> None:
    async def what(house: House) -> None:
        house.may_start.clear()
        asked = asyncio.create_task(house.supply.take())
        await house.until(lambda: house.made)
        await house.supply.close()
        with pytest.raises(asyncio.CancelledError):
            await asked

    assert run(what).made[0].closed
