"""What one task hands over: bytes become files of the agent, under names and within bounds that it checks.

Nothing here opens a path that code of a task has made. A task that sends a link, a device or a way out of its folder
cannot: it can only send a name and bytes.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from openbeam.errors import EngineFault, ResultRefused
from openbeam.models import MAX_OUTPUT_FILES

from openbeam_endpoint import wire

__all__ = ["Intake", "Received"]

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+=-]{0,99}")
_SPARE: Final = 1_000_000_000
_SPARE_SHARE: Final = 20
"""Of the disk, this many bytes or one part in so many stay free, whichever is less."""


@dataclass(frozen=True)
class Received:
    """A file that has left the sandbox."""

    name: str
    path: Path
    size: int
    checksum: str
    sha256: str


class Intake:
    """The outputs of one task. ``folder`` is made when the first file comes, and removed by ``close``."""

    def __init__(self, folder: Path, limit: int, most: int = MAX_OUTPUT_FILES) -> None:
        self._folder = folder
        self._left = limit
        self._limit = limit
        self._most = most
        self._lock = threading.Lock()
        self._files: dict[str, Received] = {}
        self.closed = False
        self.complete = False
        """Whether the task has said that this is all."""
        self.refused: ResultRefused | None = None
        """Why they were not taken; what the task says of them does not count then."""

    @property
    def files(self) -> list[Received]:
        """What was received, once it is complete."""
        return list(self._files.values()) if self.complete else []

    def bounds(self) -> dict[str, int]:
        """Return what the task is told of its bounds."""
        return {"files": self._most, "bytes": self._limit}

    def take(self, frames: Iterator[wire.Frame]) -> None:
        """Receive everything, once.

        Raises
        ------
        ResultRefused
            When a name or a size is not as it must be, or there is no room.
        EngineFault
            When the frames are no outputs, or break off.

        """
        try:
            for head, body in frames:
                match head:
                    case {"op": "file", "name": str(name), "size": int(size)} if not body:
                        self._take_file(name, size, frames)
                    case {"op": "end"}:
                        self.complete = True
                        return
                    case _:
                        raise EngineFault("This is not how outputs are sent.")
            raise EngineFault("The outputs broke off.")
        except ResultRefused as error:
            self.refused = error
            raise

    def close(self) -> None:
        """Forget what was received, and take nothing more."""
        with self._lock:
            self.closed = True
            shutil.rmtree(self._folder, ignore_errors=True)

    def _take_file(self, name: str, size: int, frames: Iterator[wire.Frame]) -> None:
        self._check(name, size)
        self._left -= size
        try:
            with self._made(name) as file:
                self._files[name] = self._written(file, name, size, frames)
        except OSError as error:
            raise ResultRefused(f"The endpoint has no room for {name}: {error.strerror}.") from error

    def _check(self, name: str, size: int) -> None:
        if not _NAME.fullmatch(name):
            raise ResultRefused(
                f"{name[:100]!r} is no name for an output: use at most 100 letters, digits, and any of _ . + = -"
            )
        if name in self._files:
            raise ResultRefused(f"The output {name} came twice.")
        if len(self._files) >= self._most:
            raise ResultRefused(f"There are more than {self._most} outputs.", limit=self._most)
        if not 0 <= size <= self._left:
            raise ResultRefused(
                f"The outputs have more than {self._limit:,} bytes, which is what this endpoint takes from a task.",
                limit=self._limit,
            )

    def _made(self, name: str) -> BinaryIO:
        with self._lock:
            if self.closed:
                raise EngineFault("Nobody waits for these outputs any more.")
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            path = self._folder / name
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        return os.fdopen(number, "wb")

    def _written(self, file: BinaryIO, name: str, size: int, frames: Iterator[wire.Frame]) -> Received:
        disk = shutil.disk_usage(self._folder)
        if disk.free - size < min(_SPARE, disk.total // _SPARE_SHARE):
            raise ResultRefused(f"The endpoint's disk has no room for {name} ({size:,} bytes).", size=size)
        left, adler, sha = size, 1, hashlib.sha256()
        while left:
            data = _data(next(frames, None), left)
            if self.closed:
                raise EngineFault("Nobody waits for these outputs any more.")
            file.write(data)
            adler = zlib.adler32(data, adler)
            sha.update(data)
            left -= len(data)
        return Received(name, self._folder / name, size, f"adler32:{adler:08x}", sha.hexdigest())


def _data(frame: tuple[dict[str, Any], bytes] | None, most: int) -> bytes:
    if frame is None or frame[0].get("op") != "data" or not 0 < len(frame[1]) <= most:
        raise EngineFault("The outputs broke off: a file is shorter or longer than was said.")
    return frame[1]
