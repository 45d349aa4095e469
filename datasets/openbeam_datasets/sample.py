"""A few events of a dataset, to try something on: from a file at hand, a small one that is fetched, or a toy."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from openbeam.errors import DataUnavailable
from openbeam.models import DataFile, DatasetSpec

from openbeam_datasets.files import FileCache
from openbeam_datasets.locate import LocalPlace, places

__all__ = ["MOST_EVENTS", "sample_of"]

MOST_EVENTS: Final = 1_000
_LARGEST: Final = 64 * 1024**2
"""Bytes that are fetched for a look."""
_TOY_OF: Final = "12341"
_UPLOADED: Final = "openbeam://"


def sample_of(dataset: DatasetSpec, folder: Path) -> Path:
    """Return a file with events of a dataset: one that is on this machine, or comes into ``folder``.

    Raises
    ------
    DataUnavailable
        When none can be had; says what to do.

    """
    mirror = os.environ.get("OPENBEAM_OPENDATA_MIRROR") or None
    files = [file for file in dataset.files if not file.uri.startswith(_UPLOADED)]
    return _at_hand(files, mirror) or _toy(dataset, folder) or _fetched(dataset, files, folder, mirror)


def _at_hand(files: Sequence[DataFile], mirror: str | None) -> Path | None:
    found = (place for file in files for place in places(file.uri, mirror=mirror))
    return next((place.path for place in found if isinstance(place, LocalPlace) and place.path.is_file()), None)


def _toy(dataset: DatasetSpec, folder: Path) -> Path | None:
    if dataset.recid != _TOY_OF:
        return None
    from openbeam_datasets.simulate import simulate  # awkward and uproot take a second to import

    folder.mkdir(parents=True, exist_ok=True)
    simulate(folder / "toy.root", events=MOST_EVENTS)
    return folder / "toy.root"


def _fetched(dataset: DatasetSpec, files: Sequence[DataFile], folder: Path, mirror: str | None) -> Path:
    smallest = min(files, key=lambda file: file.size, default=None)
    why = dataset.obtain or "its files are kept by the service"
    if smallest is not None:
        why = f"its smallest file has {smallest.size:,} bytes, too many for a look"
        if smallest.size <= _LARGEST:
            try:
                return FileCache(folder, mirror=mirror).ensure(smallest)
            except DataUnavailable as error:
                why = error.message
    raise DataUnavailable(
        f"No events of {dataset.name} are at hand: {why.rstrip('.')}. Name a file that has some: --sample FILE",
        uri=smallest.uri if smallest else "",
    )
