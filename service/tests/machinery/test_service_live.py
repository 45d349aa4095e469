from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any

import pytest
from openbeam_service.runs import live as module
from openbeam_service.runs.live import Live, Update
from openbeam_service.tasks.queue import TaskQueue

Go = Callable[[Callable[[Live, TaskQueue], Coroutine[Any, Any, None]]], None]


@pytest.fixture
def go(valkey: str) -> Go:
    """Return what runs a test with streams of its own."""

    def run(test: Callable[[Live, TaskQueue], Coroutine[Any, Any, None]]) -> None:
        async def inside() -> None:
            queue = TaskQueue(valkey, lease_seconds=1)
            queue.connection.flushall()
            live = Live(queue)
            try:
                await asyncio.wait_for(test(live, queue), 20)
            finally:
                await queue.close()

        asyncio.run(inside())

    return run


def _standing(text: str, *, is_end: bool = False) -> Callable[[], Coroutine[Any, Any, Update]]:
    async def snapshot() -> Update:
        return Update("", text, is_end)

    return snapshot


def _data(frame: bytes) -> str:
    return next((line[6:] for line in frame.decode().splitlines() if line.startswith("data: ")), "")


async def _next(frames: AsyncIterator[bytes]) -> str:
    return _data(await anext(frames))


def test_all_watchers_share_one_reader(go: Go) -> None:
    async def test(live: Live, queue: TaskQueue) -> None:
        watchers = [live.watch("r", "", _standing("start")) for _ in range(20)]
        assert [await _next(watcher) for watcher in watchers] == ["start"] * 20
        waiting = [asyncio.create_task(_next(watcher)) for watcher in watchers]
        await asyncio.sleep(0.2)
        readers = [client for client in queue.connection.client_list() if client["cmd"] == "xread"]
        assert (len(readers), live.watched()) == (1, ["r"])
        live.publish("r", "news", is_end=False)
        assert await asyncio.gather(*waiting) == ["news"] * 20
        for watcher in watchers:
            await watcher.aclose()
        assert live.watched() == []

    go(test)


def test_who_is_slow_skips_to_the_newest(go: Go) -> None:
    async def test(live: Live, _queue: TaskQueue) -> None:
        async with aclosing(live.watch("r", "", _standing("start"))) as slow:
            assert await _next(slow) == "start"
            for number in range(50):
                live.publish("r", str(number), is_end=False)
            await asyncio.sleep(0.3)
            assert await _next(slow) == "49"
            live.publish("r", "over", is_end=True)
            assert [_data(frame) async for frame in slow] == ["over"]

    go(test)


def test_who_comes_back_gets_what_came_meanwhile(go: Go) -> None:
    async def test(live: Live, queue: TaskQueue) -> None:
        for number in range(5):
            live.publish("r", str(number), is_end=False)
        second = queue.connection.xrange("live:r")[1][0].decode()
        async with aclosing(live.watch("r", second, _standing("now"))) as again:
            assert [await _next(again) for _ in range(3)] == ["2", "3", "4"]
        async with aclosing(live.watch("r", "", _standing("now"))) as fresh:
            assert await _next(fresh) == "4"
        async with aclosing(live.watch("r", "nonsense", _standing("now"))) as odd:
            assert await _next(odd) == "4"

    go(test)


def test_an_end_that_the_stream_has_lost_comes_from_the_database(go: Go, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "HEARTBEAT_SECONDS", 0.1)

    async def test(live: Live, queue: TaskQueue) -> None:
        standing = ["running"]

        async def snapshot() -> Update:
            return Update("", standing[0], standing[0] == "over")

        async with aclosing(live.watch("r", "", snapshot)) as watcher:
            assert await _next(watcher) == "running"
            assert await anext(watcher) == b": ping\n\n"
            queue.connection.flushall()
            standing[0] = "over"
            assert "over" in [_data(frame) async for frame in watcher]

    go(test)


def test_a_stream_is_bounded_in_number_and_in_bytes(go: Go) -> None:
    async def test(live: Live, queue: TaskQueue) -> None:
        for number in range(400):
            live.publish("many", f"{number} {'x' * 5000}", is_end=False)
        assert queue.connection.xlen("many") == 0
        assert queue.connection.xlen("live:many") <= module.MAX_UPDATES + 10
        for _ in range(20):
            live.publish("large", "x" * 2_000_000, is_end=False)
        assert queue.connection.xlen("live:large") <= 5
        assert 0 < queue.connection.ttl("live:large") <= module.KEEP_SECONDS

    go(test)


def test_closing_ends_all_watching(go: Go) -> None:
    async def test(live: Live, _queue: TaskQueue) -> None:
        watcher = live.watch("r", "", _standing("start"))
        assert await _next(watcher) == "start"
        rest = asyncio.create_task(_all(watcher))
        await asyncio.sleep(0.1)
        await live.close()
        assert len(await asyncio.wait_for(rest, 2)) <= 1

    go(test)


async def _all(frames: AsyncIterator[bytes]) -> list[bytes]:
    return [frame async for frame in frames]
