"""The wire between agent and engine: frames of a JSON head and an opaque body.

A frame is two big-endian 32-bit lengths, the head (a JSON object with an ``op``) and the body (bytes that nobody here
opens). Both sides decode with bounds, so that neither can make the other allocate without end.

From the agent: ``run`` (``task``, ``timeout``, ``series``, ``outputs``; body: the task) and ``cancel`` (``task``).
From the engine: ``ready``, ``beat``, ``running`` (``task``), ``done`` (``task``, ``problem``, ``worker``,
``printed``; body: the result), ``worn`` (``message``: it takes no more, and what has begun may end) and ``fault``
(``message``: the engine cannot go on).

Files go over a socket of their own. From the task: ``outputs`` (``secret``), then each ``file`` (``name``, ``size``)
followed by its ``data`` (body: a piece of it), then ``end``. The agent answers ``kept`` or ``refused`` (``message``).
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Iterator
from typing import Any, Final

from openbeam.errors import EngineFault

__all__ = ["MAX_BODY", "MAX_HEAD", "Decoder", "Frame", "encode", "receive"]

MAX_HEAD: Final = 384 * 1024
MAX_BODY: Final = 16 * 1024 * 1024
"""Above the largest result and the largest task (payload and source, escaped as JSON)."""

_LENGTHS: Final = struct.Struct("!II")
_READ: Final = 256 * 1024

Frame = tuple[dict[str, Any], bytes]
"""Head and body."""


def _check(what: str, size: int, limit: int) -> None:
    if size > limit:
        raise EngineFault(f"A frame's {what} has {size:,} bytes; the limit is {limit:,}.", size=size, limit=limit)


def encode(head: dict[str, Any], body: bytes = b"") -> bytes:
    """Return one frame.

    Raises
    ------
    EngineFault
        When head or body are over their limit. ``details``: ``size``, ``limit``.

    """
    text = json.dumps(head, separators=(",", ":")).encode()
    _check("head", len(text), MAX_HEAD)
    _check("body", len(body), MAX_BODY)
    return _LENGTHS.pack(len(text), len(body)) + text + body


def _head(text: bytes) -> dict[str, Any]:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError):
        head = None
    if not isinstance(head, dict) or not isinstance(head.get("op"), str):
        raise EngineFault("A frame's head is not a JSON object with an `op`.")
    return head


class Decoder:
    """Turns a stream of bytes, cut anywhere, into frames."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the frames that ``data`` completes.

        Raises
        ------
        EngineFault
            When a length is over its limit or a head is not a JSON object; the stream cannot be read on after that.

        """
        self._buffer += data
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        if len(self._buffer) < _LENGTHS.size:
            return None
        head, body = _LENGTHS.unpack_from(self._buffer)
        _check("head", head, MAX_HEAD)
        _check("body", body, MAX_BODY)
        start, end = _LENGTHS.size + head, _LENGTHS.size + head + body
        if len(self._buffer) < end:
            return None
        with memoryview(self._buffer) as view:
            frame = _head(bytes(view[_LENGTHS.size : start])), bytes(view[start:end])
        del self._buffer[:end]
        return frame


def receive(connection: socket.socket) -> Frame | None:
    """Return the next frame of a blocking socket, or None when the other side has closed it.

    For sockets that carry one frame at a time: bytes after the frame are lost.

    Raises
    ------
    EngineFault
        When the frame breaks a bound or is cut off.
    TimeoutError
        When the socket has a timeout and it passed.

    """
    decoder = Decoder()
    while data := connection.recv(_READ):
        for frame in decoder.feed(data):
            return frame
    if decoder.pending:
        raise EngineFault("A frame was cut off.")
    return None
