"""What a function prints: read as it comes, only the end of it kept."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import Final

__all__ = ["Output"]

_READ: Final = 64 * 1024
_PATIENCE: Final = 0.2


class Output:
    """Standard output and error of this process, from here on, as a tail of bytes."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._tail = bytearray()
        self._read, write = os.pipe()
        _point_at(write)
        os.close(write)
        self._streams = [os.fdopen(number, "w", 1, "utf-8", "replace", closefd=False) for number in (1, 2)]
        sys.stdout, sys.stderr = self._streams
        # A full pipe would stop the function; nobody outside this process has to read it.
        self._reader = threading.Thread(target=self._drain, name="output", daemon=True)
        self._reader.start()

    def _drain(self) -> None:
        while data := os.read(self._read, _READ):
            self._tail += data
            del self._tail[: -self._keep]

    def close(self) -> str:
        """Stop listening and return the last of what was printed."""
        for stream in self._streams:
            with suppress(OSError, ValueError):
                stream.flush()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        _point_at(nowhere)
        # The pipe ends with its last writer; a process that the function left behind may be one.
        self._reader.join(_PATIENCE)
        return bytes(self._tail).decode("utf-8", "replace")


def _point_at(descriptor: int) -> None:
    for number in (1, 2):
        os.dup2(descriptor, number)
