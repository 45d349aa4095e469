"""Files come once, whoever asks, and the wait is told in plain words."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from endpoint_kit import Mirror, becomes
from openbeam.errors import ChecksumMismatch, DataUnavailable
from openbeam.models import DataFile, file_name
from openbeam_datasets.files import FileCache
from openbeam_endpoint.keeper import Keeper

CONTENT = bytes(range(256)) * 8192  # 2 MiB


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    made = Mirror(CONTENT)
    yield made
    made.close()


@pytest.fixture
def file() -> DataFile:
    checksum = f"adler32:{zlib.adler32(CONTENT):08x}"
    return DataFile(uri="root://eospublic.cern.ch//eos/opendata/x.root", size=len(CONTENT), checksum=checksum)


def test_one_transfer_serves_all_who_ask_and_says_how_far_it_is(tmp_path: Path, mirror: Mirror, file: DataFile) -> None:
    cache = FileCache(tmp_path, mirror=mirror.url)

    async def main() -> str:
        keeper = Keeper(cache)
        assert keeper.activity([file]) == ""
        asking = [asyncio.create_task(keeper.fetch([file])) for _ in range(5)]
        await becomes(lambda: keeper.activity([file]).startswith("fetching 1.0 of"))
        activity = keeper.activity([file])
        asking.pop().cancel()
        mirror.go_on.set()
        await asyncio.gather(*asking)
        assert keeper.activity([file]) == ""
        await keeper.fetch([file])
        keeper.close()
        return activity

    activity = asyncio.run(main())
    assert activity.startswith("fetching 1.0 of 2.1 MB, ")
    assert activity.endswith("B/s")
    assert mirror.asked == 1
    assert cache.path(file).read_bytes() == CONTENT


def test_a_transfer_that_nobody_waits_for_ends_and_can_begin_again(
    tmp_path: Path, mirror: Mirror, file: DataFile
) -> None:
    cache = FileCache(tmp_path, mirror=mirror.url)

    async def main() -> None:
        keeper = Keeper(cache)
        asking = asyncio.create_task(keeper.fetch([file]))
        await becomes(lambda: keeper.activity([file]).startswith("fetching 1.0"))
        asking.cancel()
        await asyncio.wait([asking])
        mirror.go_on.set()
        await becomes(lambda: not keeper.activity([file]))
        assert not cache.holds(file)
        await keeper.fetch([file])
        keeper.close()

    asyncio.run(main())
    assert mirror.asked == 2
    assert cache.holds(file)


def test_a_file_that_cannot_be_had_fails_for_all_who_ask(tmp_path: Path, file: DataFile) -> None:
    async def main() -> list[BaseException | None]:
        keeper = Keeper(FileCache(tmp_path / "cache", mirror=str(tmp_path / "nothing")))
        answers = await asyncio.gather(*(keeper.fetch([file]) for _ in range(2)), return_exceptions=True)
        keeper.close()
        return answers

    for error in asyncio.run(main()):
        assert isinstance(error, DataUnavailable)
        assert error.details["uri"] == file.uri


def test_a_file_that_is_not_the_one_on_record_is_named(tmp_path: Path, file: DataFile) -> None:
    path = tmp_path / "mirror" / "eos" / "opendata" / "x.root"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT[::-1])

    async def main() -> None:
        keeper = Keeper(FileCache(tmp_path / "cache", mirror=str(tmp_path / "mirror")))
        await keeper.fetch([file])

    with pytest.raises(ChecksumMismatch) as caught:
        asyncio.run(main())
    assert caught.value.details["expected"] == file.checksum


def test_the_end_does_not_wait_for_a_transfer(tmp_path: Path, mirror: Mirror, file: DataFile) -> None:
    async def main() -> float:
        keeper = Keeper(FileCache(tmp_path, mirror=mirror.url))
        asking = asyncio.create_task(keeper.fetch([file]))
        await becomes(lambda: keeper.activity([file]).startswith("fetching"))
        began = time.monotonic()
        asking.cancel()
        keeper.close()
        return time.monotonic() - began

    assert asyncio.run(main()) < 0.5


def test_files_at_hand_do_not_queue_behind_those_that_wait_for_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every thread that fetches waits for room, and room comes only when the task with the file at hand has run."""
    monkeypatch.setattr("openbeam_datasets.room.LOOK_SECONDS", 0.01)
    files = [in_folder(tmp_path / "mirror", number) for number in range(6)]
    needed = {file_name(files[0].checksum, files[0].size)}
    cache = FileCache(tmp_path / "cache", mirror=str(tmp_path / "mirror"), limit=1000, in_use=lambda: needed)

    def told(keeper: Keeper) -> Counter[str]:
        return Counter(keeper.activity([file]).partition(":")[0] for file in files[1:])

    async def main() -> None:
        keeper = Keeper(cache)
        await keeper.fetch(files[:1])
        waiting = [asyncio.create_task(keeper.fetch([file])) for file in files[1:]]
        await becomes(lambda: told(keeper) == {"waiting for room": 4, "waiting for other files": 1})
        async with asyncio.timeout(10):
            await keeper.fetch(files[:1])
        needed.clear()
        await asyncio.gather(*waiting)
        keeper.close()

    asyncio.run(main())
    assert sum(cache.holds(file) for file in files) == 1


def in_folder(mirror: Path, number: int) -> DataFile:
    content = bytes([number]) * 1000
    path = mirror / "eos" / "opendata" / f"{number}.root"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    uri = f"root://eospublic.cern.ch//eos/opendata/{number}.root"
    return DataFile(uri=uri, size=1000, checksum=f"adler32:{zlib.adler32(content):08x}")
