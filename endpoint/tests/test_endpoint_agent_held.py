"""How much room an agent has for more tasks."""

from __future__ import annotations

import asyncio
import contextlib

from openbeam.models import LeasedTask, TaskKind
from openbeam_endpoint.agent.held import Held, Leases, Stage


def held(leases: Leases, name: str) -> Held:
    about = {"kind": TaskKind.call, "tenant": "t", "timeout": 10, "files": [], "body": "e30="}
    found = leases.add(LeasedTask(task_id=name, lease_id="first", **about))
    assert found is not None
    return found


def test_room_counts_engaged_and_parked_tasks_apart() -> None:
    async def main() -> None:
        leases = Leases(4)
        found = [held(leases, str(number)) for number in range(4)]
        assert leases.room() == 4
        for each in found:
            leases.move(each, Stage.engaged)
        assert leases.room() == 0
        waiting = asyncio.create_task(leases.wait_for_room())
        await asyncio.sleep(0)
        assert not waiting.done()
        leases.move(found[0], Stage.ended)
        assert await waiting == 1
        leases.remove(found[0])
        leases.remove(found[1])
        assert leases.room() == 2

    asyncio.run(main())


def test_a_service_that_takes_no_results_is_asked_for_no_more_work() -> None:
    async def main() -> None:
        leases = Leases(4)
        for number in range(256):
            assert leases.room() == 4
            leases.move(held(leases, str(number)), Stage.ended)
        assert leases.room() == 0

    asyncio.run(main())


def test_tasks_that_wait_for_files_have_a_bound() -> None:
    async def main() -> None:
        leases = Leases(500)
        assert leases.room() == 64
        for number in range(64):
            held(leases, str(number))
        assert leases.room() == 0
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(leases.wait_for_room(), 0.01)
            raise AssertionError

    asyncio.run(main())
