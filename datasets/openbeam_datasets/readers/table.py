"""A CSV file as lines: its head, where its rows begin, and the bytes of a range of them.

A row is a line that is not blank. Only one block of lines is held at a time, however long the file is. A file that is
compressed with gzip is unpacked as it is read.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import numpy as np
from openbeam.errors import DataUnavailable, InvalidInput

__all__ = ["BLOCK", "Rows", "Table", "open_table"]

LONGEST_LINE: Final = 1 << 16
MOST_COLUMNS: Final = 1_000
MOST_BYTES: Final = 2 << 30
BLOCK: Final = 4 << 20
"""Bytes of lines that are looked at together: some 30,000 collisions of two muons."""

_SEPARATORS: Final = ",;\t"
_NEWLINE: Final = ord("\n")
_GZIP: Final = b"\x1f\x8b"

Offsets = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True)
class Rows:
    """Rows that follow each other: ``content[begins[i]:ends[i]]`` is row ``first + i``, on line ``lines[i]``."""

    first: int
    content: bytes
    begins: Offsets
    ends: Offsets
    """After the end of the line."""
    lines: Offsets
    """Counted from one, blank lines too."""

    @classmethod
    def none(cls) -> Rows:
        """Return no rows."""
        return _split(b"", 0, 1)

    def __len__(self) -> int:
        return len(self.begins)

    def cut(self, start: int, stop: int) -> Rows:
        """Return those of the rows from ``start`` up to ``stop`` that are here, both counted in the file."""
        low, high = (min(max(row - self.first, 0), len(self)) for row in (start, stop))
        return Rows(self.first + low, self.content, self.begins[low:high], self.ends[low:high], self.lines[low:high])

    @property
    def text(self) -> bytes:
        """The rows' own bytes."""
        return self.content[self.begins[0] : self.ends[-1]] if len(self) else b""


@dataclass(frozen=True)
class Table:
    """An open CSV file, after its head."""

    names: list[str]
    separator: str
    _stream: BinaryIO
    _begin: int
    _line: int

    def blocks(self) -> Iterator[Rows]:
        """Give all rows, a block at a time.

        Raises
        ------
        InvalidInput
            When a line is too long, or the whole. ``details``: ``line``.

        """
        self._stream.seek(self._begin)
        first, line, left, size = 0, self._line, b"", 0
        while piece := self._read():
            if (size := size + len(piece)) > MOST_BYTES:
                raise _too_large()
            content = left + piece
            whole = content.rfind(b"\n") + 1
            rows = _split(content[:whole], first, line)
            yield rows
            first, line, left = first + len(rows), line + content.count(b"\n", 0, whole), content[whole:]
            if len(left) > LONGEST_LINE:
                raise _too_long(line)
        if left:
            yield _split(left, first, line)

    def _read(self) -> bytes:
        with _unpacking():
            return self._stream.read(BLOCK)


@contextmanager
def open_table(path: Path) -> Iterator[Table]:
    """Open a CSV file and read its head.

    Raises
    ------
    DataUnavailable
        When there is no such file.
    InvalidInput
        When it is too large, or its first line does not name its columns. ``details``: ``line``.

    """
    if not path.is_file():
        raise DataUnavailable(f"The file {path.name} is not here. Start the run again.", uri=path.name)
    if path.stat().st_size > MOST_BYTES:
        raise _too_large()
    with _opened(path) as stream:
        with _unpacking():
            head, line = _head(stream)
        names, separator = _columns(head, line)
        yield Table(names, separator, stream, stream.tell(), line + 1)


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as raw:
        is_packed = raw.read(len(_GZIP)) == _GZIP
        raw.seek(0)
        # GzipFile has all that is used of a stream.
        yield cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if is_packed else raw


@contextmanager
def _unpacking() -> Iterator[None]:
    try:
        yield
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InvalidInput(
            "The file is compressed, and cannot be unpacked. Check the file, and add it again."
        ) from error


def _head(stream: BinaryIO) -> tuple[bytes, int]:
    """Return the first line that is not blank, and its number."""
    line = 0
    while head := stream.readline(LONGEST_LINE + 1):
        line += 1
        if head.startswith(b"root") and b"\0" in head:
            raise InvalidInput("This is a ROOT file. Say which layout it has and what its tree is called.", line=line)
        if len(head) > LONGEST_LINE:
            raise _too_long(line)
        if head.strip():
            return head, line
    raise InvalidInput("The file is empty. Its first line has to name its columns.", line=1)


def _columns(head: bytes, line: int) -> tuple[list[str], str]:
    """Return the names in the head, trimmed, and what separates them."""
    try:
        text = head.decode("utf-8-sig").strip().lstrip("#")
    except UnicodeDecodeError as error:
        raise InvalidInput(f"Line {line} is not UTF-8 text. Save the file as CSV (UTF-8).", line=line) from error
    if not text.replace("\t", "").isprintable():
        raise InvalidInput(f"Line {line} holds characters that are not text, or ends lines with CR alone.", line=line)
    separator = max(_SEPARATORS, key=text.count)
    (fields,) = csv.reader([text], delimiter=separator)
    names = [field.strip() or f"column{number}" for number, field in enumerate(fields, 1)]
    if not 0 < len(names) <= MOST_COLUMNS:
        raise InvalidInput(f"Line {line} names {len(names):,} columns; 1 to {MOST_COLUMNS:,} are possible.", line=line)
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise InvalidInput(f"Line {line} names the column {twice!r} twice. Give each column its own name.", line=line)
    if any(_is_number(name) for name in names):
        raise InvalidInput(
            f"Line {line} has numbers where the columns' names should be. Add a line of names.", line=line
        )
    return names, separator


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _split(content: bytes, first: int, line: int) -> Rows:
    """Return the rows in whole lines, the first of which has the number ``line``."""
    letters = np.frombuffer(content, np.uint8)
    ends = np.flatnonzero(letters == _NEWLINE).astype(np.int64) + 1
    if content and not content.endswith(b"\n"):
        ends = np.append(ends, len(content))
    begins = np.concatenate([np.zeros(1, np.int64), ends[:-1]])[: len(ends)]
    lengths = ends - begins
    if len(lengths) and lengths.max() > LONGEST_LINE:
        raise _too_long(line + int(np.argmax(lengths)))
    # "\n" and "\r\n"; the parser calls the same lines blank.
    blank = (lengths == 1) & (letters[begins] == _NEWLINE) | (lengths == 2) & (letters[begins] == ord("\r"))  # noqa: PLR2004
    lines = np.arange(line, line + len(ends))
    return Rows(first, content, begins[~blank], ends[~blank], lines[~blank])


def _too_large() -> InvalidInput:
    return InvalidInput(f"A CSV file may have {MOST_BYTES:,} bytes, unpacked. Save its columns as a ROOT file.")


def _too_long(line: int) -> InvalidInput:
    return InvalidInput(
        f"Line {line} has more than {LONGEST_LINE:,} bytes. Is this a CSV file, with lines that end in LF or CR LF?",
        line=line,
    )
