"""How much of the disk a cache takes, and what goes first when something new needs the room."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path

from openbeam.errors import DataUnavailable
from openbeam.models import DataFile, file_name

from openbeam_datasets.landing import Progress

__all__ = ["InUse", "Room"]

InUse = Callable[[], Container[str]]
"""Gives the names of files that must stay."""

LOOK_SECONDS = 0.5
RESERVE_BYTES = 1_000_000_000
RESERVE_SHARE = 20
"""Of the disk, this many bytes or one part in so many stay free, whichever is less: others write to it too."""


@dataclass(frozen=True)
class _Stored:
    """A file on the disk: whole, or the beginning of one that nobody fetches now."""

    path: Path
    size: int
    used: int


class Room:
    """The room of one cache. Its methods may be called from any thread.

    ``limit`` is in bytes; without one, the disk is the limit. ``in_use`` is asked at the very moment when a file would
    go, while ``use`` waits: so a file cannot go between being found and being used.
    """

    def __init__(self, folder: Path, incoming: Path, limit: int | None, in_use: InUse) -> None:
        self._folder = folder
        self._incoming = incoming
        self._limit = limit
        self._in_use = in_use
        self._lock = threading.Lock()
        self._coming: dict[str, int] = {}

    def use(self, path: Path, size: int) -> bool:
        """Say whether a whole file is there, and note that it is used now."""
        with self._lock:
            try:
                found = path.stat()
            except OSError:
                return False
            if found.st_size != size:
                return False
            with suppress(OSError):  # it may belong to another user, and is as good
                os.utime(path, ns=(time.time_ns(), found.st_mtime_ns))
            return True

    @contextmanager
    def reserved(self, file: DataFile, on_progress: Progress | None = None) -> Iterator[None]:
        """Keep room for a file until the block is left; the files that were used longest ago make it.

        While running tasks need everything that could go, they are waited for, and ``on_progress`` is called.

        Raises
        ------
        DataUnavailable
            When the room is not to be had. ``details``: ``needed``, ``free`` or ``limit``.

        """
        name = file_name(file.checksum, file.size)
        while not self._reserve(name, file):
            if on_progress:
                on_progress(0, file.size)
            time.sleep(LOOK_SECONDS)
        try:
            yield
        finally:
            with self._lock:
                del self._coming[name]

    def _reserve(self, name: str, file: DataFile) -> bool:
        with self._lock:
            if self._limit is not None and file.size > self._limit:
                raise self._too_large(file, self._limit)
            missing = self._missing(name, file.size)
            stored, needed = self._stored(), self._in_use()
            idle = sorted((one for one in stored if one.path.name not in {*self._coming, name}), key=attrgetter("used"))
            may_go = [one for one in idle if one.path.parent == self._incoming or one.path.name not in needed]
            if sum(one.size for one in may_go) < missing:
                if sum(one.size for one in idle) + sum(self._coming.values()) < missing:
                    raise self._full(file)
                return False
            for one in may_go:
                if missing <= 0:
                    break
                one.path.unlink(missing_ok=True)
                missing -= one.size
            self._coming[name] = file.size
            return True

    def _missing(self, name: str, size: int) -> int:
        """Return how many bytes have to go, so that a file of this size can come."""
        disk = shutil.disk_usage(self._incoming)
        promised = sum(coming - self._begun(other) for other, coming in self._coming.items())
        short = size - self._begun(name) + promised + self._reserve_of(disk.total) - disk.free
        if self._limit is None:
            return short
        whole = sum(one.size for one in self._stored() if one.path.name not in {*self._coming, name})
        return max(short, whole + sum(self._coming.values()) + size - self._limit)

    @staticmethod
    def _reserve_of(total: int) -> int:
        return min(RESERVE_BYTES, total // RESERVE_SHARE)

    def _begun(self, name: str) -> int:
        try:
            return (self._incoming / name).stat().st_size
        except OSError:
            return 0

    def _stored(self) -> list[_Stored]:
        found = []
        for folder in (self._folder, self._incoming):
            for path in folder.iterdir():
                if path.name.startswith(".") or path.suffix == ".lock":
                    continue
                with suppress(OSError):
                    seen = path.stat()
                    found.append(_Stored(path, seen.st_size, max(seen.st_atime_ns, seen.st_mtime_ns)))
        return found

    def _full(self, file: DataFile) -> DataUnavailable:
        disk = shutil.disk_usage(self._incoming)
        free = max(0, disk.free - self._reserve_of(disk.total))
        return DataUnavailable(
            f"{file.uri} needs {file.size:,} bytes, and only {free:,} are free in {self._folder}. Make room.",
            uri=file.uri,
            needed=file.size,
            free=free,
        )

    def _too_large(self, file: DataFile, limit: int) -> DataUnavailable:
        return DataUnavailable(
            f"{file.uri} has {file.size:,} bytes, and this endpoint keeps {limit:,} bytes of data files at most. "
            "Ask its owner for more (cache_gb in its settings), or choose another endpoint.",
            uri=file.uri,
            needed=file.size,
            limit=limit,
        )
