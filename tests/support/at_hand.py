"""The files with a dataset's events, wherever they are: beside the repository, in a package, at a mirror, at CERN."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from openbeam.errors import DataUnavailable
from openbeam.models import DatasetSpec
from openbeam_datasets.files import FileCache
from openbeam_datasets.record import load_record
from rich.filesize import decimal

from support.events import Shelf

__all__ = ["AtHand", "opendata_folder"]

CERN: Final = ("opendata.cern.ch", 443)
SECONDS_FOR_CERN: Final = 5.0
GB: Final = 1e9


def opendata_folder() -> Path | None:
    """Return the folder of real events, if it is there."""
    beside = Path(__file__).parents[3] / "shared" / "opendata"
    folder = Path(os.environ.get("OPENBEAM_TEST_OPENDATA", beside))
    return folder if folder.is_dir() else None


@dataclass(frozen=True)
class AtHand:
    """Where to look for events, where what is fetched is kept, and up to which size [GB] a dataset is fetched."""

    opendata: Path | None
    scratch: Path
    kept: Path
    largest: float

    def files(self, dataset: str) -> list[Path]:
        """Return the files of a dataset, or with the part of it that is at hand.

        Raises
        ------
        DataUnavailable
            When they are nowhere, or too large to be fetched.

        """
        spec = load_record(dataset)
        try:
            found = Shelf(self.opendata or self.scratch, self.scratch).files(spec)
        except (DataUnavailable, OSError):
            found = []  # not among the real events at hand, nor made without them
        return found if found and all(path.is_file() for path in found) else self._fetched(spec)

    def _fetched(self, spec: DatasetSpec) -> list[Path]:
        if not spec.files:
            raise DataUnavailable(f"{spec.name} has no file that can be fetched; its record says how to come by it.")
        size = sum(file.size for file in spec.files)
        if size > self.largest * GB:
            most = decimal(int(self.largest * GB))
            raise DataUnavailable(f"{spec.name} has {decimal(size)}; up to {most} are fetched (--largest).")
        mirror = os.environ.get("OPENBEAM_OPENDATA_MIRROR")
        if not mirror and not _reached():
            raise DataUnavailable(f"{spec.name} is not at hand, and CERN cannot be reached.")
        cache = FileCache(self.kept, mirror=mirror)
        return [cache.ensure(file) for file in spec.files]


@cache
def _reached() -> bool:
    """Say whether CERN Open Data answers, so that nobody waits for each file in turn."""
    try:
        socket.create_connection(CERN, SECONDS_FOR_CERN).close()
    except OSError:
        return False
    return True
