"""What a task prints: read by its worker as it comes, the beginning and the end kept.

The worker reads, and not the task itself: a library that prints while it holds Python's lock must not wait for a reader
that needs it, and what a task printed outlives the task, however it ends.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final

from openbeam_endpoint.sandbox.settings import OUTPUT_MOST

__all__ = ["Printed", "add_to"]

_READ: Final = 64 * 1024
_MARK_ROOM: Final = 64
_HEAD: Final = OUTPUT_MOST // 2 - _MARK_ROOM
_TAIL: Final = OUTPUT_MOST // 2
# What a pipe can hold when its writers have ended; others may go on writing for ever.
_LAST_READS: Final = 16


class _Stream:
    """One stream of bytes, of which both ends are kept."""

    def __init__(self) -> None:
        self.source, self.sink = os.pipe()
        os.set_blocking(self.source, False)
        self.is_open = True
        self._head = bytearray()
        self._tail = bytearray()
        self._size = 0

    def take(self) -> bool:
        """Read once; return whether there may be more right now."""
        try:
            data = os.read(self.source, _READ)
        except BlockingIOError:
            return False
        self.is_open = bool(data)
        self._size += len(data)
        room = max(_HEAD - len(self._head), 0)
        self._head += data[:room]
        self._tail += data[room:]
        del self._tail[:-_TAIL]
        return self.is_open

    def begin(self) -> None:
        """Forget what was read: what comes now is another task's."""
        self._head.clear()
        self._tail.clear()
        self._size = 0

    def content(self) -> bytes:
        """Return what is kept, with a mark where something was left out."""
        left_out = self._size - len(self._head) - len(self._tail)
        mark = f"\n[… {left_out:,} bytes left out …]\n".encode() if left_out else b""
        return bytes(self._head) + mark + bytes(self._tail)

    def close(self) -> None:
        """Give the descriptors back."""
        for descriptor in (self.source, self.sink):
            with suppress(OSError):
                os.close(descriptor)


class Printed:
    """Standard output and error of one task."""

    def __init__(self) -> None:
        self._streams = (_Stream(), _Stream())

    @property
    def sinks(self) -> list[int]:
        """What the task writes to."""
        return [stream.sink for stream in self._streams]

    @property
    def sources(self) -> list[int]:
        """What to wait for."""
        return [stream.source for stream in self._streams if stream.is_open]

    def hand_over(self) -> None:
        """Forget the writers' side: the task has it, and the stream ends when the last writer does."""
        for stream in self._streams:
            os.close(stream.sink)
            stream.sink = -1

    def begin(self) -> None:
        """Be the next task's."""
        for stream in self._streams:
            stream.begin()

    def take(self, ready: Iterable[object]) -> None:
        """Read those of the sources that are ready."""
        for stream in self._streams:
            if stream.source in ready:
                stream.take()

    def finish(self) -> None:
        """Read what is left."""
        for stream in self._streams:
            for _ in range(_LAST_READS):
                if not (stream.is_open and stream.take()):
                    break

    def wire(self) -> dict[str, str] | None:
        """Return it as an outcome's ``printed``, or None when nothing was printed."""
        out, err = (stream.content() for stream in self._streams)
        if not out and not err:
            return None
        return {"stdout": base64.b64encode(out).decode("ascii"), "stderr": base64.b64encode(err).decode("ascii")}

    def tail(self, size: int) -> str:
        """Return the last of what was printed, output before errors."""
        return b"".join(stream.content() for stream in self._streams)[-size:].decode("utf-8", "replace")

    def close(self) -> None:
        """Give the descriptors back."""
        for stream in self._streams:
            stream.close()


def add_to(head: dict[str, Any], printed: Printed, tail: int) -> dict[str, Any]:
    """Return the head of an answer with what was printed; a problem shows the last of it."""
    kept = printed.wire()
    if kept is None:
        return head
    problem = head.get("problem")
    if isinstance(problem, dict) and isinstance(problem.get("details"), dict):
        problem = {**problem, "details": {**problem["details"], "output": printed.tail(tail)}}
    return {**head, "problem": problem, "printed": kept}
