"""Room for engines: bounded, fair, and nobody waits for ever.

Engines here only count who uses them: real ones take seconds to start, and are tested with the whole agent.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from openbeam.errors import EngineFault
from openbeam_endpoint.agent.place import Place


@dataclass(eq=False)
class Counted:
    """What a place sees of an engine."""

    tenant: str
    name: str = "counted"
    healthy: bool = True
    leaving: bool = False
    worn: bool = False
    submitted: list[str] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)

    def submit(self, task_id: str, *_: object) -> None:
        self.submitted.append(task_id)

    def cancel(self, task_id: str) -> None:
        self.cancelled.append(task_id)


class House:
    """Starts and ends counted engines."""

    def __init__(self, room: int) -> None:
        self.place = Place(room, self.start, self.end)
        self.open: list[str] = []
        self.most = 0
        self.started: list[str] = []
        self.broken = False

    async def start(self, tenant: str) -> Any:
        await asyncio.sleep(0.01)
        if self.broken:
            raise EngineFault("It does not start.")
        self.open.append(tenant)
        self.started.append(tenant)
        self.most = max(self.most, len(self.open))
        return Counted(tenant)

    async def end(self, engine: Any) -> None:
        self.open.remove(engine.tenant)

    async def work(self, tenant: str, seconds: float = 0.01) -> str:
        engine = await self.place.enter(tenant)
        await asyncio.sleep(seconds)
        assert engine.tenant in self.open
        self.place.leave(engine)
        return tenant


def run(room: int, what: Callable[[House], Awaitable[None]]) -> None:
    async def main() -> None:
        async with asyncio.timeout(5):
            await what(House(room))

    asyncio.run(main())


def test_tasks_of_one_tenant_share_its_engine() -> None:
    async def what(house: House) -> None:
        await asyncio.gather(*(house.work("a") for _ in range(20)))
        assert house.started == ["a"]

    run(2, what)


def test_more_tenants_than_room_take_turns_and_each_starts_once() -> None:
    async def what(house: House) -> None:
        await asyncio.gather(*(house.work(tenant) for _ in range(10) for tenant in "abcd"))
        assert house.most == 2
        assert sorted(house.started) == ["a", "b", "c", "d"]

    run(2, what)


def test_a_tenant_with_work_without_end_does_not_keep_others_out() -> None:
    async def what(house: House) -> None:
        async def busy() -> None:
            while True:
                await house.work("busy")

        crowd = [asyncio.create_task(busy()) for _ in range(5)]
        await asyncio.sleep(0.05)
        for tenant in ("b", "c"):
            assert await asyncio.wait_for(house.work(tenant), 2) == tenant
        for task in crowd:
            task.cancel()

    run(1, what)


def test_the_engine_idle_for_longest_makes_room() -> None:
    async def what(house: House) -> None:
        for tenant in ("a", "b", "a"):
            await house.work(tenant)
        await house.work("c")
        assert sorted(house.open) == ["a", "c"]

    run(2, what)


def test_a_start_that_fails_is_shared_and_the_next_one_tries_again() -> None:
    async def what(house: House) -> None:
        house.broken = True
        failed = await asyncio.gather(*(house.work("a") for _ in range(3)), return_exceptions=True)
        assert [str(error) for error in failed] == ["It does not start."] * 3
        house.broken = False
        assert await house.work("a") == "a"

    run(1, what)


def test_a_start_that_breaks_in_a_way_nobody_foresaw_keeps_nobody_waiting() -> None:
    async def what(house: House) -> None:
        house.place._start = None  # type: ignore[assignment]
        with pytest.raises(TypeError):
            await house.work("a")
        house.place._start = house.start
        assert await house.work("a") == "a"

    run(1, what)


def test_who_stops_waiting_holds_nothing_open() -> None:
    async def what(house: House) -> None:
        holder = await house.place.enter("a")
        waiting = [asyncio.create_task(house.place.enter("b")) for _ in range(2)]
        await asyncio.sleep(0.02)
        waiting[0].cancel()
        house.place.leave(holder)
        engine = await waiting[1]
        assert engine.users == 1
        house.place.leave(engine)
        gone = asyncio.create_task(house.place.enter("c"))
        await asyncio.sleep(0)
        gone.cancel()
        assert await house.work("d") == "d"
        await asyncio.sleep(0.02)
        assert house.open == ["d"]

    run(1, what)


def test_an_engine_that_is_not_well_answers_with_a_fault_and_is_replaced() -> None:
    async def what(house: House) -> None:
        engine = await house.place.enter("a")
        running = asyncio.create_task(engine.run("task", b"", 1, lambda: None))
        await asyncio.sleep(0)
        engine.engine.healthy = False
        house.place.retire_unhealthy()
        reply = await running
        assert reply.problem is not None
        assert (reply.problem.kind, reply.problem.retry) == ("EngineFault", True)
        house.place.leave(engine)
        assert (await house.place.enter("a")).engine.healthy
        assert house.started == ["a", "a"]

    run(1, what)


def test_a_job_that_is_stopped_stops_its_task_in_the_engine() -> None:
    async def what(house: House) -> None:
        engine = await house.place.enter("a")
        running = asyncio.create_task(engine.run("task", b"", 1, lambda: None))
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        await house.place.close()
        for thread in [thread for thread in threading.enumerate() if thread.name.startswith("engine-send")]:
            thread.join()
        assert engine.engine.cancelled == ["task"]
        assert engine.engine.submitted == ["task"]  # type: ignore[attr-defined]
        assert not engine.pending

    run(1, what)


def test_idle_engines_end_and_the_warm_one_stays() -> None:
    async def what(house: House) -> None:
        for tenant in ("warm", "b"):
            await house.work(tenant)
        house.place.retire_idle(60, keep="warm")
        assert sorted(house.open) == ["b", "warm"]
        house.place.retire_idle(0, keep="warm")
        await asyncio.sleep(0)
        assert house.open == ["warm"]
        await house.place.close()
        assert house.open == []

    run(2, what)
