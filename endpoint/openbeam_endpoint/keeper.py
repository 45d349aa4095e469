"""The endpoint's files: fetched by trusted threads before a task starts, and never twice at the same time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import structlog
from openbeam.models import DataFile, file_name
from openbeam_datasets.files import FileCache

__all__ = ["Keeper"]

log = structlog.get_logger()

_AT_ONCE: Final = 4
_UNITS: Final = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


class _Unwanted(Exception):
    """Nobody waits for the file any more."""


class _Transfer:
    """One file on its way. The fetching thread runs ``fetch``; everything else belongs to the event loop's thread."""

    def __init__(self, file: DataFile) -> None:
        self.file = file
        self.waiting = 0
        self.state = "waiting for other files"
        self.began = 0.0
        self.at_first = self.done = 0

    def fetch(self, cache: FileCache) -> None:
        if not self.waiting:
            raise _Unwanted
        self.state = "asking for a file"
        cache.ensure(self.file, self._go_on)
        seconds = time.monotonic() - self.began if self.began else 0.0
        log.info("fetched a file", uri=self.file.uri, bytes=self.done - self.at_first, seconds=round(seconds, 1))

    def _go_on(self, done: int, _size: int) -> None:
        if not self.waiting:
            raise _Unwanted
        if not done:
            self.state = "waiting for room: running tasks need the files that are here"
        elif not self.began:
            # What was there before this transfer says nothing about its speed.
            self.began, self.at_first = time.monotonic(), done
        self.done = done

    def __str__(self) -> str:
        if not self.began:
            return self.state
        size, unit = _unit(self.file.size)
        speed = max(0, self.done - self.at_first) / max(time.monotonic() - self.began, 1e-3)
        fast, fast_unit = _unit(speed)
        return (
            f"fetching {self.done / size:.1f} of {self.file.size / size:.1f} {unit}, {speed / fast:.0f} {fast_unit}/s"
        )


class Keeper:
    """Brings files into the cache that engines read."""

    def __init__(self, cache: FileCache) -> None:
        self._cache = cache
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="keeper")
        self._moving: dict[str, tuple[_Transfer, asyncio.Future[None]]] = {}

    async def fetch(self, files: Iterable[DataFile]) -> None:
        """Return once all files are in the cache, verified.

        Tasks that need the same file share one transfer, which ends when the last of them is stopped.

        Raises
        ------
        DataUnavailable, ChecksumMismatch
            When one of them cannot be had.

        """
        for file in files:
            while not await self._fetched(file):
                pass

    def activity(self, files: Iterable[DataFile]) -> str:
        """Say how far the transfer of these files is, e.g. ``fetching 1.2 of 2.2 GB, 40 MB/s``."""
        moving = (self._moving.get(file_name(file.checksum, file.size)) for file in files)
        return next((str(found[0]) for found in moving if found), "")

    def close(self) -> None:
        """Start no more transfers."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _fetched(self, file: DataFile) -> bool:
        """Wait for the file; False when its transfer was just being given up, and has to begin again."""
        # Not by the threads that fetch: all of them may wait for room until tasks with files at hand have ended.
        if await asyncio.to_thread(self._cache.holds, file):
            return True
        transfer, arrival = self._join(file)
        try:
            await asyncio.shield(arrival)
        except _Unwanted:
            return False
        finally:
            transfer.waiting -= 1
        return True

    def _join(self, file: DataFile) -> tuple[_Transfer, asyncio.Future[None]]:
        name = file_name(file.checksum, file.size)
        if known := self._moving.get(name):
            known[0].waiting += 1
            return known
        transfer = _Transfer(file)
        transfer.waiting = 1
        arrival = asyncio.get_running_loop().run_in_executor(self._threads, transfer.fetch, self._cache)
        arrival.add_done_callback(lambda done: self._settle(name, done))
        self._moving[name] = transfer, arrival
        return self._moving[name]

    def _settle(self, name: str, done: asyncio.Future[None]) -> None:
        del self._moving[name]
        # Asked for even when nobody waits any more: asyncio complains of an exception that nobody saw.
        if not done.cancelled() and (error := done.exception()) and not isinstance(error, _Unwanted):
            log.warning("a file cannot be had", file=name, reason=str(error))


def _unit(size: float) -> tuple[float, str]:
    return next(((scale, unit) for scale, unit in _UNITS if size >= scale), (1.0, "B"))
