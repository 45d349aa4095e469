"""The owner's folder for outputs: ``<folder>/<user>/<task>/<file>``. All files of a task appear at once, or none."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from openbeam.errors import OutputNotStored
from openbeam.models import OutputFile

from openbeam_endpoint.stageout.intake import Received

__all__ = ["keep"]

_PIECE: Final = 1024 * 1024
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_NEW: Final = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def keep(
    files: Sequence[Received], root: Path, user: str, task: str, on_piece: Callable[[int], None]
) -> tuple[OutputFile, ...]:
    """Copy files to their place, and read them again there. ``on_piece`` hears of each piece, and may raise to end it.

    Others may write to that folder too: nothing below it is reached by way of a link.

    Raises
    ------
    OutputNotStored
        When it cannot be done. What was there of it is taken away again.

    """
    try:
        with _opened(root, None) as top, _made(user, top) as place, _fresh(task, place) as folder:
            for file in files:
                _copy(file, folder, on_piece)
    except OSError as error:
        raise OutputNotStored(
            f"The outputs could not be written to {root}: {error.strerror}. Tell the endpoint's owner.",
            uri=root.as_uri(),
        ) from error
    return tuple(
        OutputFile(
            name=file.name,
            uri=(root / user / task / file.name).as_uri(),
            size=file.size,
            checksum=file.checksum,
            sha256=file.sha256,
        )
        for file in files
    )


@contextmanager
def _opened(name: str | Path, parent: int | None) -> Iterator[int]:
    # The owner may have set a link to the folder; below it there are none.
    number = os.open(name, _FOLDER if parent is not None else _FOLDER & ~os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield number
    finally:
        os.close(number)


@contextmanager
def _made(name: str, parent: int) -> Iterator[int]:
    with suppress(FileExistsError):
        os.mkdir(name, 0o750, dir_fd=parent)
    with _opened(name, parent) as number:
        yield number


@contextmanager
def _fresh(task: str, place: int) -> Iterator[int]:
    """Give an empty folder, which gets the task's name when all went well; what an earlier try has left goes then."""
    hidden = f".{task}-{secrets.token_hex(4)}"
    try:
        with _made(hidden, place) as folder:
            yield folder
        with suppress(FileNotFoundError):
            os.rename(task, f"{hidden}-old", src_dir_fd=place, dst_dir_fd=place)
        os.rename(hidden, task, src_dir_fd=place, dst_dir_fd=place)
    finally:
        for left in (hidden, f"{hidden}-old"):
            _remove(left, place)


def _remove(name: str, place: int) -> None:
    shutil.rmtree(name, ignore_errors=True, dir_fd=place)
    # What was no folder.
    with suppress(OSError):
        os.unlink(name, dir_fd=place)


def _copy(received: Received, folder: int, on_piece: Callable[[int], None]) -> None:
    number = os.open(received.name, _NEW, 0o640, dir_fd=folder)
    with os.fdopen(number, "r+b") as target, received.path.open("rb") as source:
        os.fchmod(number, 0o640)
        while piece := source.read(_PIECE):
            on_piece(len(piece))
            target.write(piece)
        target.flush()
        os.fsync(number)
        target.seek(0)
        if hashlib.file_digest(target, "sha256").hexdigest() != received.sha256:
            raise OutputNotStored(f"{received.name} does not read back as it was written. Tell the endpoint's owner.")
