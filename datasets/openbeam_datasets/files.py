"""The file cache: verified, read-only copies of data files, each fetched once.

A file is named by what it is, ``<adler32>-<size>``, so two datasets that share a file share the copy. Whoever sees a
file under its name sees all of it: it is written elsewhere, checked, and only then renamed.
"""

from __future__ import annotations

from pathlib import Path

from filelock import FileLock
from openbeam.errors import ChecksumMismatch, DataUnavailable
from openbeam.models import DataFile, file_name

from openbeam_datasets.fetch import ATTEMPTS, fetch
from openbeam_datasets.landing import Landing, Progress
from openbeam_datasets.locate import Place, ServiceFiles, places
from openbeam_datasets.room import InUse, Room

__all__ = ["FileCache"]

ATTEMPTS_BEFORE_ANOTHER = 2


class FileCache:
    """A folder of data files. Any number of threads and processes may share one folder.

    With ``limit``, the folder holds so many bytes at most; without, the disk keeps some free. The files that were used
    longest ago go first, and those that ``in_use`` names stay; it speaks for this process.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mirror: str | None = None,
        service: ServiceFiles | None = None,
        limit: int | None = None,
        in_use: InUse = frozenset,
    ) -> None:
        self.folder = folder
        self.mirror = mirror
        self.service = service
        # Below the folder, so that the last step is a rename; hidden, so that no unfinished file looks like one.
        self._incoming = folder / ".incoming"
        self._room = Room(folder, self._incoming, limit, in_use)

    def path(self, file: DataFile) -> Path:
        """Return where the file is, or would be."""
        return self.folder / file_name(file.checksum, file.size)

    def holds(self, file: DataFile) -> bool:
        """Say whether the file is here already. It was verified when it came; its size is looked at again."""
        return self._room.use(self.path(file), file.size)

    def ensure(self, file: DataFile, on_progress: Progress | None = None) -> Path:
        """Return the path of the whole, verified file, fetching it when it is not here yet.

        ``on_progress(done, total)`` is called with bytes while this call fetches, and with nothing done while it waits
        for room. Somebody else fetching the same file is waited for.

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
                    with self._room.reserved(file, on_progress):
                        self._fetch_from_any(file, found, on_progress)
        except OSError as error:
            raise DataUnavailable(
                f"{file.uri} could not be stored in {self.folder}: {error.strerror or error}. "
                "Make the folder writable, or make room.",
                uri=file.uri,
            ) from error
        return self.path(file)

    def _fetch_from_any(self, file: DataFile, found: list[Place], on_progress: Progress | None) -> None:
        """Try one place after the other; each goes on where the one before it stopped."""
        errors: list[DataUnavailable] = []
        # One name, whoever fetches: what a killed process left is taken up by the next one.
        with Landing(self._incoming / self.path(file).name, file, on_progress) as landing:
            for place in found:
                attempts = ATTEMPTS if place is found[-1] else ATTEMPTS_BEFORE_ANOTHER
                try:
                    self._fetch(landing, place, attempts)
                except DataUnavailable as error:
                    errors.append(error)
                else:
                    return
            raise _all_of(errors)

    def _fetch(self, landing: Landing, place: Place, attempts: int) -> None:
        landing.begin()
        try:
            fetch(place, landing, attempts=attempts)
            landing.settle(self.path(landing.file))
        except ChecksumMismatch:
            mixed = not landing.pure
            landing.rewind()
            if not mixed:
                raise
            # The wrong bytes may have been those from before.
            self._fetch(landing, place, attempts)


def _all_of(errors: list[DataUnavailable]) -> DataUnavailable:
    """Return one error for several places that failed."""
    first, *others = errors
    if not others or all(isinstance(error, ChecksumMismatch) for error in errors):
        return first
    tried = [f"{error.details.get('place', '')}: {error.details.get('reason', error.message)}" for error in errors]
    uri = first.details["uri"]
    return DataUnavailable(
        f"{uri} could not be had. {'; '.join(tried)}. "
        "Check the network, or set OPENBEAM_OPENDATA_MIRROR to a copy of CERN Open Data.",
        uri=uri,
        tried=tried,
    )
