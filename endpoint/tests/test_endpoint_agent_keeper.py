"""Files come once, whoever asks, and the wait is told in plain words."""

from __future__ import annotations

import asyncio
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from openbeam.errors import ChecksumMismatch, DataUnavailable
from openbeam.models import DataFile
from openbeam_datasets.files import FileCache
from openbeam_endpoint.keeper import Keeper

CONTENT = bytes(range(256)) * 8192  # 2 MiB


class Mirror:
    """Serves one file over HTTP, half of it at once and the rest when a test says so."""

    def __init__(self) -> None:
        self.asked = 0
        self.go_on = threading.Event()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                mirror.asked += 1
                self.send_response(200)
                self.send_header("Content-Length", str(len(CONTENT)))
                self.end_headers()
                self.wfile.write(CONTENT[: len(CONTENT) // 2])
                self.wfile.flush()
                mirror.go_on.wait(10)
                self.wfile.write(CONTENT[len(CONTENT) // 2 :])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    made = Mirror()
    yield made
    made.go_on.set()
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def file() -> DataFile:
    checksum = f"adler32:{zlib.adler32(CONTENT):08x}"
    return DataFile(uri="root://eospublic.cern.ch//eos/opendata/x.root", size=len(CONTENT), checksum=checksum)


async def until(fact: Callable[[], object]) -> None:
    for _ in range(1000):
        if fact():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not become so within ten seconds")


def test_one_transfer_serves_all_who_ask_and_says_how_far_it_is(tmp_path: Path, mirror: Mirror, file: DataFile) -> None:
    cache = FileCache(tmp_path, mirror=mirror.url)

    async def main() -> str:
        keeper = Keeper(cache)
        assert keeper.activity([file]) == ""
        asking = [asyncio.create_task(keeper.fetch([file])) for _ in range(5)]
        await until(lambda: keeper.activity([file]).startswith("fetching 1.0 of"))
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
        await until(lambda: keeper.activity([file]).startswith("fetching 1.0"))
        asking.cancel()
        await asyncio.wait([asking])
        mirror.go_on.set()
        await until(lambda: not keeper.activity([file]))
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
        await until(lambda: keeper.activity([file]).startswith("fetching"))
        began = time.monotonic()
        asking.cancel()
        keeper.close()
        return time.monotonic() - began

    assert asyncio.run(main()) < 0.5
