"""Histograms to fit, of numbers that are made up here or come from real events."""

from __future__ import annotations

import csv
import os
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
import skhep_testdata
import uproot

OPENDATA = Path(os.environ.get("OPENBEAM_TEST_OPENDATA", Path(__file__).parents[3] / "shared" / "opendata"))
Array = np.ndarray[Any, Any]
Histogram = hist.Hist[Any]


def filled(values: Array, bins: int, low: float, high: float, label: str = "Dimuon mass [GeV]") -> Histogram:
    """Return a histogram of values."""
    histogram: Histogram = hist.Hist(hist.axis.Regular(bins, low, high, name="mass", label=label), name="mass")
    return histogram.fill(values)


def contents(counts: Array, low: float, high: float) -> Histogram:
    """Return a histogram with these contents."""
    histogram: Histogram = hist.Hist(hist.axis.Regular(len(counts), low, high, name="mass", label="Mass [GeV]"))
    histogram[...] = counts
    return histogram


def z_mumu() -> dict[str, Array]:
    """Return columns of record 307: masses, and how both muons were reconstructed."""
    with uproot.open({skhep_testdata.data_path("uproot-Zmumu.root"): "events"}) as tree:
        columns = tree.arrays(["M", "Type"], library="np")
    return {"mass": columns["M"], "kind": columns["Type"].astype(str)}


def peak(entries: int = 4_000, below: int = 2_000, seed: int = 7) -> Histogram:
    """Return a J/psi-like peak at 3.1, 0.03 wide, upon a flat background."""
    source = np.random.default_rng(seed)
    values = np.concatenate([source.normal(3.1, 0.03, entries), source.uniform(2.8, 3.4, below)])
    return filled(values, 60, 2.8, 3.4)


def opendata_pair_masses(path: str) -> Array:
    """Return the invariant mass of both particles of each line, from energies and momenta."""
    file = OPENDATA / path
    if not file.exists():
        pytest.skip(f"real events are not here: {file}; set OPENBEAM_TEST_OPENDATA")
    with file.open() as lines:
        events = [{name.strip(): cell for name, cell in row.items()} for row in csv.DictReader(lines)]
    four = [
        sum(np.array([float(row[f"{axis}{n}"]) for row in events]) for n in (1, 2)) for axis in ("E", "px", "py", "pz")
    ]
    return np.sqrt(np.maximum(four[0] ** 2 - four[1] ** 2 - four[2] ** 2 - four[3] ** 2, 0))
