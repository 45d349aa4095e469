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


def compared(path: Path, *settings: dict[str, Any]) -> list[dict[str, hist.Hist[Any]]]:
    """Run the analysis over a whole file with each of the settings, hold every bin to the second program's."""
    with uproot.open({path: "Events"}) as tree:
        entries = tree.num_entries
    with open_events(path, tree="Events", layout=Layout.nanoaod, start=0, stop=entries) as events:
        found = [analyze(events, Params(**params)) for params in settings]
    for histograms, params in zip(found, settings, strict=True):
        told = PLAIN["agc_ttbar"]([path], 0, entries, **params)
        for key, histogram in histograms.items():
            assert np.array_equal(histogram.values(flow=True), told[key]), (key, params)
    return found


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a simulated file with the branches of full NanoAOD that the analysis reads."""
    return toys.jets(tmp_path_factory.mktemp("nanoaod") / "events.root")


def test_agc_ttbar_on_full_nanoaod(simulated: Path) -> None:
    default, *others = compared(
        simulated,
        {},
        {"lepton": "electron", "min_jets": 3, "bins": 50},
        {"lepton": "muon", "b_tag": 0.9, "min_jet_pt": 20},
        {"min_jets": 3, "min_lepton_pt": 20, "b_tag": 0},
    )
    # The highest bin is the mass with which the events were made, 172.5 GeV.
    mass = default["trijet_mass"]
    assert abs(mass.axes[0].centers[np.argmax(mass.values())] - 172.5) <= mass.axes[0].widths[0]
    assert all(found["trijet_mass"].sum(flow=True) > 0 for found in others)


@pytest.mark.opendata
def test_agc_ttbar_on_events_of_cms(opendata: Path) -> None:
    """The file's name says top quarks, but its generator's particles have none: they are Z bosons, with few jets."""
    loose = {"min_jets": 3, "min_jet_pt": 20, "min_lepton_pt": 20}
    path = opendata / "samples" / "cms-2015-ttbar-nanoaod-200.root"
    left = [list(found["cutflow"].values()) for found in compared(path, {}, loose, loose | {"b_tag": 0})]
    assert left == [[200, 14, 0, 0, 0], [200, 21, 3, 3, 0], [200, 21, 3, 0, 3]]
