"""Where a file's bytes land: counted and summed as they come, never more of them than the record says."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from openbeam.errors import ChecksumMismatch
from openbeam.models import DataFile

__all__ = ["Landing", "Progress"]

Progress = Callable[[int, int], None]
"""Called with the bytes so far and the bytes in all."""

READABLE_BY_ALL = 0o444
_WRITABLE = 0o600
_PIECE = 1 << 20
_NOTHING = zlib.adler32(b"")


class Landing:
    """A file under way to ``path``. As a context manager it goes on with what an earlier one left there.

    What came is left for the next one, unless it is known to be wrong or the disk could not take it.
    """

    def __init__(self, path: Path, file: DataFile, on_progress: Progress | None = None) -> None:
        self.path = path
        self.file = file
        self.written = 0
        self.pure = True
        """Whether all bytes came in one go from one place: then a wrong sum is that place's fault."""
        self._sum = _NOTHING
        self._on_progress = on_progress

    def __enter__(self) -> Self:
        self.path.touch()
        # A program killed just before the last step has left it read-only.
        self.path.chmod(_WRITABLE)
        self._out = self.path.open("r+b")
        while piece := self._out.read(_PIECE):
            self._count(piece)
        if self.written > self.file.size:
            self.rewind()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        with suppress(OSError):
            # What it could not write before, it may try once more.
            self._out.close()
        if kind is None or issubclass(kind, OSError | ChecksumMismatch):
            self.path.unlink(missing_ok=True)

    @property
    def complete(self) -> bool:
        """Whether as many bytes are here as are on record."""
        return self.written == self.file.size

    def begin(self) -> None:
        """Note that another place, or another try, adds to what is here."""
        self.pure = not self.written

    def rewind(self) -> None:
        """Begin again: the source could not go on from where it stopped."""
        self._out.seek(0)
        self._out.truncate()
        self.written = 0
        self.pure = True
        self._sum = _NOTHING

    def expect(self, size: int) -> None:
        """Compare the size that a source announces with the one on record, before any byte comes.

        Raises
        ------
        ChecksumMismatch
            When they differ.

        """
        if size != self.file.size:
            raise self._mismatch(f"it has {size:,} bytes, and {self.file.size:,} are on record", None, size)

    def write(self, piece: bytes) -> None:
        """Add the next bytes.

        Raises
        ------
        ChecksumMismatch
            When the file grows over the size on record.

        """
        size = self.written + len(piece)
        if size > self.file.size:
            raise self._mismatch(f"it has more than the {self.file.size:,} bytes on record", None, size)
        self._out.write(piece)
        self._count(piece)
        if self._on_progress:
            self._on_progress(self.written, self.file.size)

    def settle(self, target: Path) -> None:
        """Check the file and give it its final name, all at once.

        Raises
        ------
        ChecksumMismatch
            When size or checksum is not the one on record.

        """
        found = f"adler32:{self._sum:08x}"
        self.expect(self.written)
        if found != self.file.checksum:
            what = f"its checksum is {found}, and {self.file.checksum} is on record"
            raise self._mismatch(what, found, self.written)
        self._out.flush()
        os.fsync(self._out.fileno())
        self.path.chmod(READABLE_BY_ALL)
        self.path.replace(target)

    def _count(self, piece: bytes) -> None:
        self._sum = zlib.adler32(piece, self._sum)
        self.written += len(piece)

    def _mismatch(self, what: str, found: str | None, size: int) -> ChecksumMismatch:
        return ChecksumMismatch(
            f"What came for {self.file.uri} is not the file on record: {what}. It was not kept. "
            "A network's login page or a damaged copy does this: try again, or ask for another mirror.",
            uri=self.file.uri,
            expected=self.file.checksum,
            found=found,
            expected_size=self.file.size,
            found_size=size,
        )
