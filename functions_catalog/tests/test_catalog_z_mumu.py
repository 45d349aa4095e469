"""The Z to two muons equals the mass that CMS gives, whatever the sliders say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
import uproot

Histograms = dict[str, hist.Hist[Any]]
Run = Callable[..., Histograms]
Files = Callable[[str], list[Path]]
Numbers = np.ndarray[Any, Any]


def zmumu_columns(path: Path) -> dict[str, Numbers]:
    with uproot.open(path) as file:
        columns: dict[str, Numbers] = file["events"].arrays(library="np")
    return columns


@pytest.mark.parametrize("bins", [10, 60, 120])
def test_z_mumu_is_the_mass_that_the_record_gives(run: Run, events_files: Files, bins: int) -> None:
    told = zmumu_columns(events_files("cms-2010-zmumu")[0])["M"]
    found = run("z_mumu", 0, 2304, bins=bins)["dimuon_mass"]
    assert np.array_equal(found.values(), np.histogram(told, bins=bins, range=(60, 120))[0])
    assert (
        [found.values(flow=True)[0], found.values(flow=True)[-1]]
        == [np.sum(told < 60), np.sum(told >= 120)]
        == [292, 4]
    )


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, 2304),
        ({"min_pt": 20}, 2008),
        ({"max_eta": 1.0}, 604),
        ({"kinds": "both global"}, 516),
        ({"kinds": "global and tracker"}, 1145),
        ({"kinds": "both tracker"}, 643),
        ({"min_pt": 10, "max_eta": 2.0, "kinds": "both tracker"}, None),
    ],
)
def test_z_mumu_keeps_the_pairs_that_pass(
    run: Run, events_files: Files, params: dict[str, Any], expected: int | None
) -> None:
    data = zmumu_columns(events_files("cms-2010-zmumu")[0])
    letters = {"both global": "GG", "global and tracker": "GT", "both tracker": "TT"}
    low, far = params.get("min_pt", 0), params.get("max_eta", 2.5)
    kept = np.minimum(data["pt1"], data["pt2"]) >= low
    kept &= np.maximum(abs(data["eta1"]), abs(data["eta2"])) <= far
    if "kinds" in params:
        kept &= data["Type"] == letters[params["kinds"]]
    found = run("z_mumu", 0, 2304, **params)
    assert np.array_equal(found["dimuon_mass"].values(), np.histogram(data["M"][kept], bins=60, range=(60, 120))[0])
    both = np.concatenate([data["pt1"][kept], data["pt2"][kept]])
    assert np.array_equal(found["muon_pt"].values(), np.histogram(both, bins=60, range=(0, 120))[0])
    assert found["dimuon_mass"].sum(flow=True) == kept.sum()
    assert expected in {None, kept.sum()}
