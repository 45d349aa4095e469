"""Analyses of many steps equal a second program, event by event in plain Python, whatever their settings are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
from openbeam_catalog.catalog import load_function
from support.plain import PLAIN

Run = Callable[..., dict[str, hist.Hist[Any]]]
Files = Callable[[str], list[Path]]
Params = dict[str, Any]

CASES: dict[str, list[Params]] = {
    "agc_ttbar": [
        {},
        {"lepton": "muon", "min_jets": 3, "bins": 50},
        {"lepton": "electron"},
        {"b_tag": 0.9, "min_jet_pt": 20, "min_lepton_pt": 20},
        {"b_tag": 0, "min_jets": 3, "min_jet_pt": 50},
    ],
    "atlas_4l": [
        {},
        {"channel": "4 electrons"},
        {"channel": "2 electrons and 2 muons", "min_pt_third": 15},
        {"quality": "identified", "bins": 17},
        {"quality": "identified and isolated", "min_pt_first": 20, "min_pt_third": 10},
    ],
    "atlas_diphoton": [
        {},
        {"identification": "any", "bins": 120},
        {"min_pt_first": 25, "min_pt_second": 25, "max_isolation": 1, "min_share": 0},
        {"min_share": 0.5},
    ],
    "higgs_4l_nanoaod": [
        {},
        {"channel": "4 muons", "max_isolation": 1, "min_z2": 5},
        {"channel": "4 electrons", "min_z2": 20, "bins": 220},
        {"channel": "2 electrons and 2 muons", "max_isolation": 0.1, "min_z2": 40, "bins": 110},
    ],
    "higgs_tautau": [
        {},
        {"charges": "same", "max_isolation": 1},
        {"min_muon_pt": 25, "min_tau_pt": 30, "max_transverse_mass": 200, "bins": 60},
    ],
    "lhcb_b_hhh": [
        {},
        {"hadrons": "three pions", "charge": "B+", "min_right": 0, "max_wrong": 1, "mass_high": 6300},
        {"charge": "B-", "window": 20, "bins": 175},
    ],
}
EVENTS = 2000


def cases() -> list[Any]:
    """Every setting on every dataset of its analysis whose events are at hand or made."""
    return [
        pytest.param(name, params, id=f"{name}-{number}")
        for name, settings in CASES.items()
        for number, params in enumerate(settings)
    ]


@pytest.mark.opendata
@pytest.mark.parametrize(("name", "params"), cases())
def test_an_analysis_equals_the_second_program(run: Run, events_files: Files, name: str, params: Params) -> None:
    dataset = load_function(name).datasets[0]
    found = run(name, 0, EVENTS, dataset, **params)
    told = PLAIN[name](events_files(dataset), 0, EVENTS, **params)
    assert found.keys() == told.keys()
    for key, histogram in found.items():
        assert np.array_equal(histogram.values(flow=True), told[key]), key


@pytest.mark.opendata
@pytest.mark.parametrize("params", CASES["lhcb_b_hhh"], ids=str)
def test_lhcb_data_have_what_the_simulation_lacks(run: Run, events_files: Files, params: Params) -> None:
    """Masses beside the peak, probabilities, muons, tracks of one charge, in a simulated file of the same layout."""
    found = run("lhcb_b_hhh", 0, EVENTS, "lhcb-2011-bhhh", **params)
    told = PLAIN["lhcb_b_hhh"](events_files("lhcb-2011-bhhh"), 0, EVENTS, **params)
    for key, histogram in found.items():
        assert np.array_equal(histogram.values(flow=True), told[key]), key
        assert histogram.sum(flow=True) > 0, key
