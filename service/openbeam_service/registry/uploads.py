"""Uploaded files: streamed to disk, named by their content."""

from __future__ import annotations

import hashlib
import secrets
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, Self

from openbeam.errors import InvalidInput, ServiceUnavailable, TooLarge, UnknownFile
from openbeam.models import FILE_KEY, StoredFile
from sqlalchemy import func, select
from sqlalchemy.orm import Session
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

from openbeam_service.access import visible_files
from openbeam_service.audit.store import note
from openbeam_service.identity.principal import Principal
from openbeam_service.registry.models import StoredFileRow

__all__ = ["Received", "find_file", "keep", "receive", "shown_file"]

MAX_STORED: Final = 50 * 1024**3
"""Bytes of all files of one person."""

_PIECE: Final = 1024 * 1024


class Received:
    """A file on its way in: under a temporary name until all of it is there."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder = folder
        self._path = folder / f".upload-{secrets.token_hex(8)}"
        self._file = self._path.open("xb")
        self._path.chmod(0o600)
        self._sha256 = hashlib.sha256()
        self._adler32 = zlib.adler32(b"")
        self.size = 0

    def write(self, piece: bytes) -> None:
        """Take the next piece."""
        self._file.write(piece)
        self._sha256.update(piece)
        self._adler32 = zlib.adler32(piece, self._adler32)
        self.size += len(piece)

    @property
    def key(self) -> str:
        """SHA-256 of what has come so far."""
        return self._sha256.hexdigest()

    @property
    def checksum(self) -> str:
        """Adler-32 of what has come so far."""
        return f"adler32:{self._adler32:08x}"

    def close(self) -> None:
        """All has come, and is on the disk."""
        self._file.close()

    def settle(self) -> None:
        """Give the whole file its name; the same content may be there already."""
        self._path.replace(self._folder / self.key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._path.unlink(missing_ok=True)


async def receive(received: Received, stream: AsyncIterator[bytes], limit: int) -> None:
    """Write a request's body to disk, whatever its length says.

    Raises
    ------
    TooLarge
        As soon as more than ``limit`` bytes have come.
    InvalidInput
        When the sender goes away in the middle.
    ServiceUnavailable
        When the disk is full.

    """
    buffer = bytearray()
    try:
        async for piece in stream:
            buffer += piece
            if received.size + len(buffer) > limit:
                raise TooLarge(f"The file is larger than {limit:,} bytes.", limit=limit)
            if len(buffer) >= _PIECE:
                await run_in_threadpool(received.write, bytes(buffer))
                buffer.clear()
        await run_in_threadpool(received.write, bytes(buffer))
        await run_in_threadpool(received.close)
    except ClientDisconnect as error:
        raise InvalidInput("The upload broke off. Nothing was kept; send the file again.") from error
    except OSError as error:
        raise ServiceUnavailable(f"The service cannot keep the file: {error.strerror}.") from error


def keep(db: Session, caller: Principal, received: Received) -> StoredFileRow:
    """Note that a file is the caller's. Uploading the same content again changes nothing.

    Raises
    ------
    TooLarge
        When all their files together would be over the limit.

    """
    row = db.get(StoredFileRow, (received.key, caller.user_id))
    if row is None:
        stored = db.scalar(select(func.sum(StoredFileRow.size)).where(StoredFileRow.owner_id == caller.user_id)) or 0
        if stored + received.size > MAX_STORED:
            raise TooLarge(f"All your files together may have {MAX_STORED:,} bytes.", limit=MAX_STORED, size=stored)
        row = StoredFileRow(key=received.key, owner_id=caller.user_id, size=received.size, checksum=received.checksum)
        db.add(row)
        db.flush()
        note(db, caller, "file.upload", row.key, size=row.size)
    received.settle()
    return row


def find_file(db: Session, caller: Principal, folder: Path, key: str) -> Path:
    """Return where an uploaded file is that the caller may download.

    Raises
    ------
    UnknownFile
        When there is none. Keys are digests: there is nothing near one.

    """
    mine = select(StoredFileRow.key).where(visible_files(caller), StoredFileRow.key == key).limit(1)
    if not (FILE_KEY.fullmatch(key) and db.scalar(mine) and (folder / key).is_file()):
        raise UnknownFile.among(key, [])
    return folder / key


def shown_file(row: StoredFileRow) -> StoredFile:
    """Return a file as its uploader sees it."""
    return StoredFile(key=row.key, uri=row.uri, size=row.size, checksum=row.checksum)
