"""The muons one by one, against flat columns filled with numpy alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import pytest
import uproot

Histograms = dict[str, hist.Hist[Any]]
Run = Callable[..., Histograms]
Numbers = np.ndarray[Any, Any]

pytestmark = pytest.mark.opendata


@pytest.fixture(scope="module")
def muons(events_files: Callable[[str], list[Path]]) -> dict[str, Numbers]:
    """Return all muons as one row, with the number of the event that each is from."""
    with uproot.open({events_files("cms-2012-doublemu")[0]: "Events"}) as tree:
        events = tree.arrays()
    flat = {name: ak.to_numpy(ak.flatten(events[f"Muon_{name}"])) for name in ("pt", "eta", "phi", "charge")}
    return flat | {"event": np.repeat(np.arange(len(events)), ak.to_numpy(events.nMuon))}


@pytest.mark.parametrize(
    ("params", "left"),
    [
        ({}, 235_286),
        ({"min_pt": 20}, 51_815),
        ({"max_eta": 2.4}, 233_250),
        ({"charge": "positive"}, 119_075),
        ({"charge": "negative"}, 116_211),
        ({"charge": "positive", "min_pt": 10, "max_eta": 1.5, "bins": 97, "pt_high": 100}, None),
    ],
    ids=str,
)
def test_all_five_figures(run: Run, muons: dict[str, Numbers], params: dict[str, Any], left: int | None) -> None:
    signs = {"both": [-1, 1], "positive": [1], "negative": [-1]}[params.get("charge", "both")]
    kept = np.isin(muons["charge"], signs) & (muons["pt"] >= params.get("min_pt", 0))
    kept &= abs(muons["eta"]) <= params.get("max_eta", 10)
    pt, eta, phi = (muons[name][kept].astype(float) for name in ("pt", "eta", "phi"))
    bins = params.get("bins", 60)
    told = {
        "muon_pt": np.histogram(pt, bins, (0, params.get("pt_high", 60)))[0],
        "muon_eta": np.histogram(eta, bins, (-3, 3))[0],
        "muon_phi": np.histogram(phi, bins, (-np.pi, np.pi))[0],
        "eta_phi": np.histogram2d(eta, phi, (50, 36), ((-2.5, 2.5), (-np.pi, np.pi)))[0],
        "muons_per_event": np.bincount(np.bincount(muons["event"][kept], minlength=100_000), minlength=11)[:11],
    }
    found = run("muon_kinematics", 0, 100_000, **params)
    assert list(found) == ["muon_pt", "muon_eta", "muon_phi", "eta_phi", "muons_per_event"]
    for name, numbers in told.items():
        assert np.array_equal(found[name].values(), numbers), name
    assert found["muon_pt"].sum(flow=True) == kept.sum()
    assert left in {None, kept.sum()}
