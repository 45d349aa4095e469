"""Where a file's bytes land: counted and summed as they come, never more of them than the record says."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Self

from openbeam.errors import ChecksumMismatch
from openbeam.models import DataFile

__all__ = ["Landing", "Progress"]

Progress = Callable[[int, int], None]
"""Called with the bytes so far and the bytes in all."""

READABLE_BY_ALL = 0o444


class Landing:
    """A file under way to ``path``. As a context manager it leaves nothing behind unless ``settle`` was reached."""

    def __init__(self, path: Path, file: DataFile, on_progress: Progress | None = None) -> None:
        self.path = path
        self.file = file
        self.written = 0
        self._sum = zlib.adler32(b"")
        self._on_progress = on_progress

    def __enter__(self) -> Self:
        # A program killed just before the last step has left it read-only.
        self.path.unlink(missing_ok=True)
        self._out = self.path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        self._out.close()
        self.path.unlink(missing_ok=True)

    def rewind(self) -> None:
        """Begin again: the source could not go on from where it stopped."""
        self._out.seek(0)
        self._out.truncate()
        self.written = 0
        self._sum = zlib.adler32(b"")

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
        self._sum = zlib.adler32(piece, self._sum)
        self.written += len(piece)
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
