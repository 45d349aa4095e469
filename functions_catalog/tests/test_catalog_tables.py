"""Analyses of CMS tables: each figure equals one made of the file's columns with numpy alone, bin by bin.

Where the file has a column for the result, such as the mass that CMS computed, the figure is held to it, too.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest

Histograms = dict[str, hist.Hist[Any]]
Run = Callable[..., Histograms]
Numbers = np.ndarray[Any, Any]
Table = dict[str, Numbers]
Tables = Callable[[str], Table]

pytestmark = pytest.mark.opendata

W = {"cms-2010-wmunu": (587, 413), "cms-2010-wenu": (563, 437)}


@pytest.fixture(scope="module")
def tables(events_files: Callable[[str], list[Path]]) -> Tables:
    """Return a function from a dataset to its columns: numbers where they are numbers."""

    @cache
    def table(dataset: str) -> Table:
        with events_files(dataset)[0].open(newline="") as text:
            head, *rows = [row for row in csv.reader(text) if row]
        columns = {name.strip(): np.array(values) for name, *values in zip(head, *rows, strict=True)}
        words = {"Type", "Type1", "Type2", "type1", "type2"}
        return {name: values if name in words else values.astype(float) for name, values in columns.items()}

    return table


def four_vector_mass(table: Table) -> Numbers:
    squares = [(table[f"{part}1"] + table[f"{part}2"]) ** 2 for part in ("E", "px", "py", "pz")]
    found: Numbers = np.sqrt(squares[0] - squares[1] - squares[2] - squares[3])
    return found


def angle_mass(table: Table) -> Numbers:
    """Return the mass of two particles without mass, by way of their momenta along three axes."""
    total = np.zeros((4, len(table["pt1"])))
    for number in "12":
        pt, eta, phi = (table[f"{name}{number}"] for name in ("pt", "eta", "phi"))
        total += [pt * np.cosh(eta), pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)]
    found: Numbers = np.sqrt(total[0] ** 2 - (total[1:] ** 2).sum(axis=0))
    return found


def passed(table: Table, params: dict[str, Any], charge: str) -> Numbers:
    opposite = table["Q1"] != table["Q2"]
    kept = {"opposite": opposite, "same": ~opposite, "both": opposite | True}[params.get("charge", charge)]
    found: Numbers = kept & (np.minimum(table["pt1"], table["pt2"]) >= params.get("min_pt", 0))
    return found


def same_bins(found: hist.Hist[Any], told: Numbers) -> bool:
    """Say whether a histogram is that of the values told, those beyond the ends of its axis included."""
    edges = found.axes[0].edges
    inside = np.histogram(told, edges)[0]
    inside[-1] -= np.sum(told == edges[-1])
    flow = [np.sum(told < edges[0]), *inside, np.sum(told >= edges[-1])]
    return bool(np.array_equal(found.values(flow=True), flow))


# ------------------------------------------------------------------------------------------------ two leptons
@pytest.mark.parametrize(
    ("params", "ends", "kept"),
    [
        ({}, (0, 10), 20_000),
        ({"part": "middle"}, (0, 0.8), 7_068),
        ({"part": "near the beam", "bins": 20}, (1.4, 10), 4_162),
        ({"min_pt": 5, "mass_low": 2, "mass_high": 5}, (0, 10), 13_935),
    ],
    ids=str,
)
def test_jpsi_mumu(run: Run, tables: Tables, params: dict[str, Any], ends: tuple[float, float], kept: int) -> None:
    table = tables("cms-2011-jpsimumu")
    eta = abs(np.stack([table["eta1"], table["eta2"]]))
    good = passed(table, params, "opposite") & (eta.min(axis=0) >= ends[0]) & (eta.max(axis=0) <= ends[1])
    found = run("jpsi_mumu", 0, 20_000, **params)
    assert same_bins(found["dimuon_mass"], four_vector_mass(table)[good])
    assert same_bins(found["pair_pt"], np.hypot(table["px1"] + table["px2"], table["py1"] + table["py2"])[good])
    assert good.sum() == kept


def test_the_jpsi_of_2010_is_the_mass_that_the_record_gives(run: Run, tables: Tables) -> None:
    table = tables("cms-2010-jpsimumu")
    found = run("jpsi_mumu", 0, 2_000, dataset="cms-2010-jpsimumu")["dimuon_mass"]
    opposite = table["Q1"] != table["Q2"]
    told, _ = np.histogram(table["M"][opposite], 60, (2.8, 3.4))
    # The file's energies have six digits, CMS computed with more: a few pairs change to the next bin.
    assert abs(found.values() - told).sum() <= 0.05 * told.sum()
    assert found.sum(flow=True) == opposite.sum() == 1_496
    assert found.sum() == told.sum()


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({}, 1_474),
        ({"charge": "both"}, 2_000),
        ({"charge": "same", "bins": 20}, 526),
        ({"scale": 0.8, "mass_low": 2, "mass_high": 5}, 1_474),
        ({"min_pt": 5}, 565),
    ],
    ids=str,
)
def test_jpsi_ee(run: Run, tables: Tables, params: dict[str, Any], kept: int) -> None:
    table = tables("cms-2010-jpsiee")
    good = passed(table, {"min_pt": 3} | params, "opposite")
    found = run("jpsi_ee", 0, 2_000, **params)
    mass = four_vector_mass(table)[good]
    assert same_bins(found["dielectron_mass"], mass * (1 + params.get("scale", 0) / 100))
    assert same_bins(found["electron_pt"], np.concatenate([table["pt1"][good], table["pt2"][good]]))
    assert good.sum() == kept
    # Energies have six digits, and the mass is a small difference of large ones.
    assert np.quantile(abs(mass - table["M"][good]), 0.95) < 0.02


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"charge": "same"},
        {"charge": "opposite", "region": "both in endcaps"},
        {"region": "both in the barrel", "min_pt": 40, "bins": 20},
        {"region": "one in the barrel", "mass_low": 0, "mass_high": 200, "bins": 200},
    ],
    ids=str,
)
def test_z_ee(run: Run, tables: Tables, params: dict[str, Any]) -> None:
    table = tables("cms-2011-zee")
    good = passed(table, {"min_pt": 25} | params, "both")
    barrel = np.sum([abs(table["eta1"]) < 1.479, abs(table["eta2"]) < 1.479], axis=0)
    found = run("z_ee", 0, 10_000, **params)
    assert list(found["where"].values()) == [np.sum(good & (barrel == number)) for number in (2, 1, 0)]
    number = {"both in the barrel": 2, "one in the barrel": 1, "both in endcaps": 0}.get(params.get("region", "all"))
    if number is not None:
        good = good & (barrel == number)
    assert same_bins(found["dielectron_mass"], angle_mass(table)[good])


def test_the_barrel_ends_where_cms_says(tables: Tables) -> None:
    table = tables("cms-2011-zee")
    for number in "12":
        ours = abs(table[f"eta{number}"]) < 1.479
        assert np.mean(ours == (table[f"type{number}"] == "EB")) > 0.99


def test_the_z_of_2010_is_the_mass_that_the_record_gives(run: Run, tables: Tables) -> None:
    table = tables("cms-2010-zee")
    params = {"min_pt": 0, "mass_low": 0, "mass_high": 200, "bins": 200}
    found = run("z_ee", 0, 663, dataset="cms-2010-zee", **params)["dielectron_mass"]
    assert same_bins(found, table["M"])


# ------------------------------------------------------------------------------------------------ W
def transverse_mass(table: Table) -> Numbers:
    """Return the mass of two momenta across the beam, by way of their parts along two axes."""
    x = table["pt"] * np.cos(table["phi"]) + table["MET"] * np.cos(table["phiMET"])
    y = table["pt"] * np.sin(table["phi"]) + table["MET"] * np.sin(table["phiMET"])
    found: Numbers = np.sqrt(np.maximum((table["pt"] + table["MET"]) ** 2 - x**2 - y**2, 0))
    return found


@pytest.mark.parametrize("dataset", W)
@pytest.mark.parametrize(
    "params", [{}, {"charge": "negative", "min_missing": 25}, {"charge": "positive", "min_pt": 35}], ids=str
)
def test_w_transverse_mass(run: Run, tables: Tables, dataset: str, params: dict[str, Any]) -> None:
    table = tables(dataset)
    signs = {"both": [-1, 1], "positive": [1], "negative": [-1]}[params.get("charge", "both")]
    good = np.isin(table["Q"], signs) & (table["pt"] >= params.get("min_pt", 25))
    good &= table["MET"] >= params.get("min_missing", 0)
    found = run("w_transverse_mass", 0, 1_000, dataset=dataset, **params)
    assert same_bins(found["transverse_mass"], transverse_mass(table)[good])
    assert same_bins(found["missing"], table["MET"][good])
    assert same_bins(found["lepton_pt"], table["pt"][good])


@pytest.mark.parametrize("dataset", W)
def test_the_transverse_mass_is_the_one_that_a_copy_of_the_record_gives(tables: Tables, dataset: str) -> None:
    table = tables(dataset)
    # Two decimals of each momentum and angle leave half a GeV at worst, where the mass is small.
    assert np.allclose(transverse_mass(table), table["Mt"], atol=0.6)


@pytest.mark.parametrize("dataset", W)
@pytest.mark.parametrize("params", [{}, {"min_mass": 50, "bins": 2}, {"side": "negative", "min_pt": 40}], ids=str)
def test_w_charge_ratio(run: Run, tables: Tables, dataset: str, params: dict[str, Any]) -> None:
    table = tables(dataset)
    good = (table["pt"] >= params.get("min_pt", 25)) & (transverse_mass(table) >= params.get("min_mass", 0))
    if params.get("side") == "negative":
        good &= table["eta"] < 0
    charge, eta = table["Q"][good], abs(table["eta"][good])
    found = run("w_charge_ratio", 0, 1_000, dataset=dataset, **params)
    plus, minus = np.sum(charge > 0), np.sum(charge < 0)
    assert list(found["charges"].values()) == [plus, minus]
    if not params:
        assert (plus, minus) == W[dataset]
    edges = np.linspace(0, 2.5, params.get("bins", 5) + 1)
    # An axis ends before its last edge, and 2.5 itself is one of the rounded values.
    up, down = (np.histogram(eta[(charge == sign) & (eta < 2.5)], edges)[0] for sign in (1, -1))
    asymmetry = found["asymmetry"]
    assert asymmetry.values() == pytest.approx((up - down) / (up + down))
    # The error of an asymmetry A of n leptons, as it is in textbooks: sqrt((1 - A^2) / (n - 1)).
    told = np.sqrt((1 - asymmetry.values() ** 2) / (up + down - 1))
    assert np.sqrt(asymmetry.variances()) == pytest.approx(told)


# ------------------------------------------------------------------------------------------------ opposite_same_sign
@pytest.mark.parametrize(
    ("params", "counted"),
    [
        ({}, [63_946, 18_544, 17_510]),
        ({"min_pt": 20, "window": "Z"}, [771, 16, 14]),
        ({"window": "J/psi", "bins": 50, "max_eta": 1}, None),
        ({"window": "Upsilon"}, [63_946, 18_544, 17_510]),
    ],
    ids=str,
)
def test_opposite_same_sign(run: Run, tables: Tables, params: dict[str, Any], counted: list[int] | None) -> None:
    table = tables("cms-2010-dimuon")
    good = np.minimum(table["pt1"], table["pt2"]) >= params.get("min_pt", 0)
    good &= np.maximum(abs(table["eta1"]), abs(table["eta2"])) <= params.get("max_eta", 3)
    mass, charge = four_vector_mass(table), table["Q1"] + table["Q2"]
    found = run("opposite_same_sign", 0, 100_000, **params)
    assert same_bins(found["opposite_mass"], mass[good & (charge == 0)])
    assert same_bins(found["same_mass"], mass[good & (charge != 0)])
    told = [np.sum(good & (charge == total)) for total in (0, 2, -2)]
    assert list(found["charges"].values()) == told
    assert counted in (None, told)
