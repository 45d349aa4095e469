"""Real events at hand: the files that hold a dataset's events, or a part of them, without asking CERN.

A dataset whose official files are at hand needs no line here: they lie at their official path, or in a Python package.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openbeam.models import DatasetSpec
from openbeam_datasets.files import FileCache

from support import toys
from support.dimuon import dimuon_csv
from support.official import rounded

__all__ = ["MADE", "SAMPLES", "Shelf", "needs_opendata"]

_HIGGS: Final = "eos/opendata/cms/derived-data/run1-physics-candidates/higgs/13424-v5"

SAMPLES: Final[dict[str, tuple[str, ...]]] = {
    "atlas-2015-4l": ("eos/opendata/atlas/rucio/opendata/ODEO_FEB2025_v0_exactly4lep_data15_periodD.exactly4lep.root",),
    "cms-2010-wenu": ("cms-2011-wenu.csv",),
    "cms-2010-wmunu": ("cms-2011-wmunu.csv",),
    "cms-2012-doublemu": ("cms-2012-doublemu-100k.root",),
    "cms-2012-higgs4l": (
        "cms-2011-2e2mu.csv",
        f"{_HIGGS}/2e2mu_2012.csv",
        f"{_HIGGS}/4e_2011.csv",
        f"{_HIGGS}/4e_2012.csv",
        "cms-2011-4mu.csv",
        f"{_HIGGS}/4mu_2012.csv",
    ),
    "cms-2012-singlemu": ("cms-2012b-singlemu-1000.root",),
}
"""Dataset to files: other copies of its events, or the first of them. A bare name is one below ``samples``."""

Maker = Callable[[Path, Path], Path]
"""Given the folder of real events and a new folder, writes a file there and returns its path."""


def _zee_2011(opendata: Path, folder: Path) -> Path:
    path = folder / "Zee.csv"
    path.write_bytes(rounded(opendata / "samples" / "cms-2011-zee.csv"))
    return path


MADE: Final[dict[str, Maker]] = {
    "atlas-2015-diphoton": lambda _, folder: toys.photons(folder / "events.root"),
    "cms-2010-dimuon": dimuon_csv,
    "cms-2011-zee": _zee_2011,
    "cms-2012-higgs4l-signal": lambda _, folder: toys.four_leptons(folder / "events.root"),
    "cms-2012-htautau-ggh": lambda _, folder: toys.muon_tau(folder / "events.root"),
    "cms-2012-htautau-ttbar": lambda _, folder: toys.jets(folder / "events.root", reduced=True),
    "lhcb-2011-bhhh": lambda _, folder: toys.hadrons(folder / "events.root"),
}
"""Dataset to what writes a file in its layout: events that are at hand in another form, or simulated ones."""


def needs_opendata(spec: DatasetSpec) -> bool:
    """Say whether nothing of a dataset can be read without the folder of real events."""
    return not spec.files or any(not file.uri.startswith("pypi:") for file in spec.files)


@dataclass(frozen=True)
class Shelf:
    """Where to look: the folder of real events, and a folder for what is copied or made."""

    opendata: Path
    scratch: Path

    def files(self, spec: DatasetSpec) -> list[Path]:
        """Return the files with a dataset's events, or with the part that is at hand, in the record's order.

        Raises
        ------
        DataUnavailable
            When nothing is at hand.

        """
        if names := SAMPLES.get(spec.name):
            return [self.opendata / ("" if "/" in name else "samples") / name for name in names]
        if make := MADE.get(spec.name):
            folder = self.scratch / spec.name
            folder.mkdir(parents=True, exist_ok=True)
            return list(folder.iterdir()) or [make(self.opendata, folder)]
        cache = FileCache(self.scratch / "files", mirror=str(self.opendata))
        return [cache.ensure(file) for file in spec.files]
