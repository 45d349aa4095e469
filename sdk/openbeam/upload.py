"""A file of one's own on its way to the service: read once, sent as it is read, its checksum compared at the end."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from openbeam.checks import checked
from openbeam.errors import ChecksumMismatch, InvalidInput, OpenbeamError
from openbeam.models import DataFile, Dataset, DatasetSpec, Layout, StoredFile
from openbeam.transport import Transport

__all__ = ["OnProgress", "local_spec", "upload"]

OnProgress = Callable[[int, int], None]
"""Called with bytes sent and bytes in all."""

_CHUNK = 1024 * 1024
# Adler-32 of nothing: stands in a spec that is checked before the file is read.
_EMPTY = "adler32:00000001"


class _Reader:
    """The chunks of a file, and the Adler-32 of those that were read."""

    def __init__(self, path: Path, on_progress: OnProgress | None) -> None:
        self.path = path
        self.size = path.stat().st_size
        self.adler = 1
        self._on_progress = on_progress

    @property
    def checksum(self) -> str:
        return f"adler32:{self.adler:08x}"

    def __iter__(self) -> Iterator[bytes]:
        sent = 0
        with self.path.open("rb") as stream:
            while sent < self.size:
                chunk = stream.read(min(_CHUNK, self.size - sent))
                if not chunk:
                    raise InvalidInput(f"{self.path} became shorter while it was read. Try again.", field="path")
                self.adler = zlib.adler32(chunk, self.adler)
                sent += len(chunk)
                yield chunk
                if self._on_progress:
                    self._on_progress(sent, self.size)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise InvalidInput(f"There is no file {path}.", field="path")


def upload(wire: Transport, path: Path, on_progress: OnProgress | None) -> StoredFile:
    """Send a file and return how the service keeps it.

    Raises
    ------
    InvalidInput
        When the file cannot be read.
    ChecksumMismatch
        When the service got other bytes than were read here.

    """
    _check_file(path)
    try:
        reader = _Reader(path, on_progress)
        stored = wire.post_stream(StoredFile, "/files", iter(reader), reader.size)
    except OpenbeamError:
        raise
    except OSError as error:
        raise InvalidInput(f"{path} cannot be read: {error.strerror}.", field="path") from error
    if stored.checksum != reader.checksum:
        raise ChecksumMismatch(
            f"{path} arrived with another checksum than it left with. Upload it again.",
            uri=stored.uri,
            expected=reader.checksum,
            found=stored.checksum,
        )
    return stored


def local_spec(
    path: Path,
    *,
    name: str,
    tree: str | None,
    layout: Layout | str | None,
    like: Dataset | None,
    title: str | None,
    simulated: bool = False,
) -> DatasetSpec:
    """Return the dataset that ``path`` is to become; its one file has no address yet.

    Simulated events share no more than the columns of the dataset that they are ``like``: no experiment saw them.

    Raises
    ------
    InvalidInput
        When there is no such file, or a field is wrong: before anything is sent.

    """
    _check_file(path)
    by_name = Layout.csv if path.name.lower().endswith((".csv", ".csv.gz")) else None
    fields = {"columns"} if simulated else {"columns", "experiment", "collision", "license"}
    shared = {} if like is None else like.model_dump(include=fields)
    remark = "Columns" if simulated else "Columns, experiment and licence"
    return checked(
        DatasetSpec,
        name=name,
        title=title or path.name,
        tree=tree or (like.tree if like else "Events"),
        layout=layout or by_name or (like.layout if like else Layout.nanoaod),
        notes=[f"{remark} as in {like.name}."] if like else [],
        files=[DataFile(uri="", size=path.stat().st_size, checksum=_EMPTY, note=path.name)],
        local=True,
        simulated=simulated,
        **shared,
    )
