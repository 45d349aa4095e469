"""The masses of four leptons and of their pairs equal those that CMS wrote into the files, whatever the sliders say."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest

Histograms = dict[str, hist.Hist[Any]]
Run = Callable[..., Histograms]
Files = Callable[[str], list[Path]]
Columns = dict[str, np.ndarray[Any, Any]]

CANDIDATES = 278
PIDS = {"4 electrons": 44, "2 electrons and 2 muons": 48, "4 muons": 52}


@pytest.fixture(scope="module")
def told(events_files: Files) -> Columns:
    """Return the columns of all six files, read by nothing of ours."""
    rows: list[dict[str, str]] = []
    for path in events_files("cms-2012-higgs4l"):
        with path.open(newline="") as lines:
            rows += csv.DictReader(lines)
    return {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}


def counted(values: np.ndarray[Any, Any], bins: int, low: float, high: float) -> np.ndarray[Any, Any]:
    return np.histogram(values, bins, (low, high))[0]


@pytest.mark.opendata
@pytest.mark.parametrize(
    ("params", "left", "inside", "peak"),
    [
        ({}, 278, 102, 12),
        ({"channel": "4 electrons"}, 48, 16, 3),
        ({"channel": "2 electrons and 2 muons"}, 117, 34, 6),
        ({"channel": "4 muons"}, 113, 52, 3),
        ({"min_pt": 20}, 125, 9, 1),
        ({"min_z2": 20}, None, 62, 9),
        ({"mass_high": 600, "bins": 53}, 278, None, None),
        ({"mass_low": 110, "bins": 71}, 278, None, 12),
    ],
    ids=str,
)
def test_higgs_4l_bin_by_bin(
    run: Run, told: Columns, params: dict[str, Any], left: int | None, inside: int | None, peak: int | None
) -> None:
    kept = told["mZ2"] >= params.get("min_z2", 12)
    kept &= np.min([told[f"pt{i}"] for i in (1, 2, 3, 4)], axis=0) >= params.get("min_pt", 5)
    if "channel" in params:
        kept &= np.sum([abs(told[f"PID{i}"]) for i in (1, 2, 3, 4)], axis=0) == PIDS[params["channel"]]
    mass = told["M"][kept]
    axis = (params.get("bins", 37), params.get("mass_low", 70), params.get("mass_high", 181))

    found = run("higgs_4l", 0, CANDIDATES, **params)
    assert np.array_equal(found["four_lepton_mass"].values(), counted(mass, *axis))
    assert found["four_lepton_mass"].sum(flow=True) == kept.sum()
    assert np.array_equal(found["first_pair_mass"].values(), counted(told["mZ1"][kept], 55, 10, 120))
    assert np.array_equal(found["second_pair_mass"].values(), counted(told["mZ2"][kept], 55, 10, 120))
    # What the lesson says.
    assert left in {None, kept.sum()}
    assert inside in {None, np.sum((mass >= 70) & (mass < 181))}
    assert peak in {None, np.sum((mass >= 121) & (mass < 130)), np.sum((mass >= 121.5) & (mass < 130.5))}


@pytest.mark.opendata
def test_no_candidate_is_lost_between_the_years(told: Columns) -> None:
    """The 37 bins of the official figure, and what each year gives."""
    early = told["Run"] < 190_000
    near = (told["M"] >= 121.5) & (told["M"] < 130.5)
    assert [len(told["M"]), early.sum(), near.sum(), (near & early).sum()] == [278, 38, 12, 1]
