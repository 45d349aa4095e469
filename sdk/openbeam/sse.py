"""Server-sent events, as https://html.spec.whatwg.org/multipage/server-sent-events.html reads them.

Bytes go in as they come from the wire, in pieces of any size; whole events come out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from openbeam.errors import ServiceFault

__all__ = ["MAX_EVENT", "Decoder", "Event"]

MAX_EVENT = 64 * 1024 * 1024
"""Bytes that one event may have: a run's histograms, with room."""

_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Event:
    """One event. ``id`` is where to go on from after a broken connection."""

    name: str
    data: str
    id: str


class Decoder:
    """Turns bytes into events, and remembers where the stream is."""

    def __init__(self, last_id: str = "", retry: float | None = None) -> None:
        self.last_id = last_id
        self.retry = retry
        """Seconds that the service asks to wait before a reconnection."""
        self._line = bytearray()
        self._name = ""
        self._data: list[str] = []
        self._size = 0
        self._id = last_id
        self._first = True
        self._after_cr = False

    def feed(self, chunks: Iterable[bytes]) -> Iterator[Event]:
        """Yield the events that ``chunks`` complete; what is left waits for more chunks, or is lost with the stream.

        Raises
        ------
        ServiceFault
            When an event is larger than ``MAX_EVENT``.

        """
        for chunk in chunks:
            for line in self._lines(chunk):
                event = self._take(line)
                if event is not None:
                    yield event

    def _lines(self, chunk: bytes) -> Iterator[bytes]:
        start = 0
        if self._after_cr and chunk:
            # The second half of a CRLF that the wire cut in two.
            start = 1 if chunk[0:1] == b"\n" else 0
            self._after_cr = False
        for end in _LINE_END.finditer(chunk, start):
            self._grow(chunk[start : end.start()])
            line = bytes(self._line)
            self._line.clear()
            start = end.end()
            self._after_cr = end.group() == b"\r" and start == len(chunk)
            yield line
        self._grow(chunk[start:])

    def _grow(self, piece: bytes) -> None:
        self._line += piece
        if len(self._line) + self._size > MAX_EVENT:
            raise ServiceFault(f"The service sent an event of more than {MAX_EVENT:,} bytes.", limit=MAX_EVENT)

    def _take(self, line: bytes) -> Event | None:
        if self._first:
            line = line.removeprefix(_BOM)
            self._first = False
        if not line:
            return self._dispatch()
        field, _, value = line.decode("utf-8", errors="replace").partition(":")
        self._set(field, value.removeprefix(" "))
        return None

    def _set(self, field: str, value: str) -> None:
        if field == "data":
            self._data.append(value)
            self._size += len(value)
        elif field == "event":
            self._name = value
        elif field == "id" and "\0" not in value:
            self._id = value
        elif field == "retry" and re.fullmatch(r"[0-9]{1,9}", value):
            self.retry = int(value) / 1000

    def _dispatch(self) -> Event | None:
        name, data = self._name or "message", self._data
        self._name, self._data, self._size = "", [], 0
        self.last_id = self._id
        return Event(name, "\n".join(data), self.last_id) if data else None
