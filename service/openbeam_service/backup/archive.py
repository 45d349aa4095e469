"""The file: a ZIP whose last member, the manifest, has the SHA-256 of every other.

::

    tables/<table>.jsonl    names of columns, then a row a line
    files/<sha256>          an uploaded file
    keys/<name>             a secret of the installation, only when asked for
    manifest.json

Nobody but its owner may read it.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from openbeam.errors import InvalidInput
from openbeam.whole import replacing
from pydantic import BaseModel, ValidationError

__all__ = ["Manifest", "Reader", "Sink", "Writer"]

FORMAT: Final = 1
_MANIFEST: Final = "manifest.json"
_MEMBER: Final = re.compile(r"tables/[a-z_]+\.jsonl|files/[0-9a-f]{64}|keys/[A-Za-z0-9_-][A-Za-z0-9._-]*")
_PIECE: Final = 1024 * 1024


class Member(BaseModel):
    """One file in the archive."""

    size: int
    sha256: str


class Manifest(BaseModel):
    """What is in the archive."""

    format: int = FORMAT
    openbeam: str
    """Version of the program that wrote it."""
    created: datetime
    revision: str
    """Schema of the database that it was taken from."""
    rows: dict[str, int]
    """Rows of each table."""
    missing: list[str]
    """Uploaded files that should have been there, and were not."""
    members: dict[str, Member] = {}


class Sink:
    """Where the bytes of one member go; they are counted and summed on the way."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._sum = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes) -> None:
        """Write a piece."""
        self._file.write(data)
        self._sum.update(data)
        self._size += len(data)

    @property
    def member(self) -> Member:
        """What has been written."""
        return Member(size=self._size, sha256=self._sum.hexdigest())


class Writer:
    """An archive that is being written."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self.members: dict[str, Member] = {}

    @classmethod
    @contextmanager
    def create(cls, path: Path) -> Iterator[Writer]:
        """Yield an archive that is at ``path`` afterwards, unless something is raised.

        Raises
        ------
        InvalidInput
            When there is something at ``path``.

        """
        if path.exists():
            raise InvalidInput(f"{path} is there already. Choose another name.", path=str(path))
        with (
            replacing(path) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        ):
            yield cls(archive)

    @contextmanager
    def member(self, name: str, *, packed: bool = True) -> Iterator[Sink]:
        """Yield where the bytes of a new member go. What is packed already stays as it is."""
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o600 << 16
        info.compress_type = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
        with self._archive.open(info, "w", force_zip64=True) as file:
            sink = Sink(file)
            yield sink
        self.members[name] = sink.member

    def copy(self, name: str, path: Path) -> None:
        """Add a file from the disk."""
        with path.open("rb") as file, self.member(name, packed=False) as sink:
            while piece := file.read(_PIECE):
                sink.write(piece)

    def end(self, manifest: Manifest) -> Manifest:
        """Write what is in the archive; return it."""
        whole = manifest.model_copy(update={"members": self.members})
        self._archive.writestr(_MANIFEST, whole.model_dump_json(indent=1))
        return whole


class Reader:
    """An archive that is being read."""

    def __init__(self, archive: zipfile.ZipFile, path: Path) -> None:
        self._archive = archive
        self._path = path
        try:
            self.manifest = Manifest.model_validate_json(archive.read(_MANIFEST))
        except (KeyError, ValidationError, zipfile.BadZipFile) as error:
            raise self._broken("it has no list of what is in it") from error
        if self.manifest.format != FORMAT:
            raise self._broken(f"its format is {self.manifest.format}, and this program reads {FORMAT}")

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Reader]:
        """Yield an archive.

        Raises
        ------
        InvalidInput
            When it is not one of ours.

        """
        try:
            archive = zipfile.ZipFile(path)
        except zipfile.BadZipFile as error:
            raise InvalidInput(f"{path} is not a backup: {error}.", path=str(path)) from error
        with archive:
            yield cls(archive, path)

    def verify(self) -> None:
        """Read everything once.

        Raises
        ------
        InvalidInput
            When something is missing, unknown or not what it was when it was written.

        """
        listed, there = self.manifest.members, set(self._archive.namelist()) - {_MANIFEST}
        if strange := sorted((there ^ listed.keys()) | {name for name in listed if not _MEMBER.fullmatch(name)}):
            raise self._broken(f"{strange[0]} is missing, or does not belong there")
        for name, expected in listed.items():
            total, size = hashlib.sha256(), 0
            try:
                with self.stream(name) as file:
                    while (piece := file.read(_PIECE)) and size <= expected.size:
                        total.update(piece)
                        size += len(piece)
            except (zipfile.BadZipFile, OSError, EOFError) as error:
                raise self._broken(f"{name} cannot be read") from error
            if Member(size=size, sha256=total.hexdigest()) != expected:
                raise self._broken(f"{name} has changed since it was written")

    def names(self, folder: str) -> list[str]:
        """Return the members in a folder."""
        return sorted(name for name in self.manifest.members if name.startswith(f"{folder}/"))

    def stream(self, name: str) -> IO[bytes]:
        """Open a member."""
        return self._archive.open(name)

    def copy(self, name: str, path: Path) -> None:
        """Write a member to the disk, readable by its owner only; never half."""
        with replacing(path) as target, self.stream(name) as source:
            shutil.copyfileobj(source, target, _PIECE)

    def _broken(self, reason: str) -> InvalidInput:
        return InvalidInput(f"{self._path} cannot be restored: {reason}.", path=str(self._path))
