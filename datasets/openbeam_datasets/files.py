"""The file cache: verified, read-only copies of data files, each fetched once.

A file is named by what it is, ``<adler32>-<size>``, so two datasets that share a file share the copy. Whoever sees a
file under its name sees all of it: it is written elsewhere, checked, and only then renamed.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from filelock import FileLock
from openbeam.errors import DataUnavailable
from openbeam.models import DataFile, file_name

from openbeam_datasets.fetch import fetch
from openbeam_datasets.landing import Landing, Progress
from openbeam_datasets.locate import Place, ServiceFiles, places

__all__ = ["FileCache"]


class FileCache:
    """A folder of data files. Any number of threads and processes may share one folder."""

    def __init__(self, folder: Path, *, mirror: str | None = None, service: ServiceFiles | None = None) -> None:
        self.folder = folder
        self.mirror = mirror
        self.service = service
        # Below the folder, so that the last step is a rename; hidden, so that no unfinished file looks like one.
        self._incoming = folder / ".incoming"

    def path(self, file: DataFile) -> Path:
        """Return where the file is, or would be."""
        return self.folder / file_name(file.checksum, file.size)

    def holds(self, file: DataFile) -> bool:
        """Say whether the file is here already. It was verified when it came; its size is looked at again."""
        try:
            return self.path(file).stat().st_size == file.size
        except OSError:
            return False

    def ensure(self, file: DataFile, on_progress: Progress | None = None) -> Path:
        """Return the path of the whole, verified file, fetching it when it is not here yet.

        ``on_progress(done, total)`` is called with bytes while this call fetches. Somebody else fetching the same
        file is waited for.

        Raises
        ------
        DataUnavailable
            When the file cannot be reached or stored. ``details``: ``uri``.
        ChecksumMismatch
            When what came is not the file on record. ``details``: ``uri``, ``expected``, ``found``.

        """
        if self.holds(file):
            return self.path(file)
        found = places(file.uri, mirror=self.mirror, service=self.service)
        try:
            self._incoming.mkdir(parents=True, exist_ok=True)
            with FileLock(self._incoming / f"{self.path(file).name}.lock"):
                if not self.holds(file):
                    self._fetch_from_any(file, found, on_progress)
        except OSError as error:
            raise DataUnavailable(
                f"{file.uri} could not be stored in {self.folder}: {error.strerror or error}. "
                "Make the folder writable, or make room.",
                uri=file.uri,
            ) from error
        return self.path(file)

    def _fetch_from_any(self, file: DataFile, found: list[Place], on_progress: Progress | None) -> None:
        self._check_room(file)
        *others, last = found
        for place in others:
            try:
                self._fetch(file, place, on_progress)
            except DataUnavailable:
                continue
            return
        self._fetch(file, last, on_progress)

    def _fetch(self, file: DataFile, place: Place, on_progress: Progress | None) -> None:
        # One name, whoever fetches: what a killed process left is overwritten by the next one.
        with Landing(self._incoming / self.path(file).name, file, on_progress) as landing:
            fetch(place, landing)
            landing.settle(self.path(file))

    def _check_room(self, file: DataFile) -> None:
        free = shutil.disk_usage(self._incoming).free
        if free < file.size:
            raise DataUnavailable(
                f"{file.uri} needs {file.size:,} bytes, and only {free:,} are free in {self.folder}. Make room.",
                uri=file.uri,
                needed=file.size,
                free=free,
            )
