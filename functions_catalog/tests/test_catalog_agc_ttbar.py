"""The selection of the Analysis Grand Challenge on full NanoAOD, as a teacher may add it: simulated here and by CMS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
import uproot
from openbeam.models import Layout
from openbeam_catalog.agc_ttbar.analysis import Params, analyze
from openbeam_datasets.readers import open_events
from support import toys
from support.plain import PLAIN


def compared(path: Path, **params: Any) -> dict[str, hist.Hist[Any]]:
    """Run the analysis over a whole file, hold every bin to the second program's, and return the histograms."""
    with uproot.open({path: "Events"}) as tree:
        entries = tree.num_entries
    with open_events(path, tree="Events", layout=Layout.nanoaod, start=0, stop=entries) as events:
        found = analyze(events, Params(**params))
    told = PLAIN["agc_ttbar"]([path], 0, entries, **params)
    for key, histogram in found.items():
        assert np.array_equal(histogram.values(flow=True), told[key]), key
    return found


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a simulated file with the branches of full NanoAOD that the analysis reads."""
    return toys.jets(tmp_path_factory.mktemp("nanoaod") / "events.root")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"lepton": "electron", "min_jets": 3, "bins": 50},
        {"lepton": "muon", "b_tag": 0.9, "min_jet_pt": 20},
        {"min_jets": 3, "min_lepton_pt": 20, "b_tag": 0},
    ],
    ids=str,
)
def test_agc_ttbar_on_full_nanoaod(simulated: Path, params: dict[str, Any]) -> None:
    found = compared(simulated, **params)
    assert found["trijet_mass"].sum(flow=True) > 0


def test_agc_ttbar_finds_the_top_quark(simulated: Path) -> None:
    """The highest bin is the mass with which the events were made, 172.5 GeV."""
    mass = compared(simulated)["trijet_mass"]
    assert abs(mass.axes[0].centers[np.argmax(mass.values())] - 172.5) <= mass.axes[0].widths[0]


@pytest.mark.opendata
@pytest.mark.parametrize(
    ("params", "left"),
    [
        ({}, [200, 14, 0, 0, 0]),
        ({"min_jets": 3, "min_jet_pt": 20, "min_lepton_pt": 20}, [200, 21, 3, 3, 0]),
        ({"min_jets": 3, "min_jet_pt": 20, "min_lepton_pt": 20, "b_tag": 0}, [200, 21, 3, 0, 3]),
    ],
    ids=str,
)
def test_agc_ttbar_on_events_of_cms(opendata: Path, params: dict[str, Any], left: list[int]) -> None:
    """The file's name says top quarks, but its generator's particles have none: they are Z bosons, with few jets."""
    found = compared(opendata / "samples" / "cms-2015-ttbar-nanoaod-200.root", **params)
    assert list(found["cutflow"].values()) == left
