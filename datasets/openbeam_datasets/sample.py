"""A few events of a dataset, to try something on: from a file at hand, a small one that is fetched, or a toy."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from openbeam.errors import DataUnavailable
from openbeam.models import DatasetSpec

from openbeam_datasets.files import FileCache
from openbeam_datasets.locate import LocalPlace, places

__all__ = ["MOST_EVENTS", "sample_of"]

MOST_EVENTS: Final = 1_000
_LARGEST: Final = 64 * 1024**2
"""Bytes that are fetched for a look."""
_TOY_OF: Final = "12341"


def sample_of(dataset: DatasetSpec, folder: Path) -> Path:
    """Return a file with events of a dataset: one that is on this machine, or comes into ``folder``.

    Raises
    ------
    DataUnavailable
        When none can be had; says what to do.

    """
    mirror = os.environ.get("OPENBEAM_OPENDATA_MIRROR")
    files = sorted(dataset.files, key=lambda file: file.size)
    for file in files:
        if file.uri.startswith("openbeam://"):
            continue
        for place in places(file.uri, mirror=mirror):
            if isinstance(place, LocalPlace) and place.path.is_file():
                return place.path
    if dataset.recid == _TOY_OF:
        from openbeam_datasets.simulate import simulate  # awkward and uproot take a second to import

        folder.mkdir(parents=True, exist_ok=True)
        simulate(folder / "toy.root", events=MOST_EVENTS)
        return folder / "toy.root"
    if files[0].size <= _LARGEST and not files[0].uri.startswith("openbeam://"):
        return FileCache(folder, mirror=mirror).ensure(files[0])
    raise DataUnavailable(
        f"No events of {dataset.name} are on this machine, and its files are too large for a look. "
        "Name a file that has some with --sample FILE.",
        uri=files[0].uri,
    )
