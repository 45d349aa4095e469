"""The analyses give the numbers that others got, wherever the events are cut and whatever the sliders say."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import hist
import numpy as np
import pytest
import uproot
from openbeam import histograms
from openbeam_catalog import catalog

Histograms = dict[str, hist.Hist[Any]]
Run = Callable[..., Histograms]
Numbers = np.ndarray[Any, Any]

SPECS = {spec.name: spec for spec in catalog.load_catalog()}
DOUBLEMU = pytest.param("dimuon_spectrum", marks=pytest.mark.opendata)
REFERENCES = {name: json.loads((catalog.FOLDER / name / "reference.json").read_text()) for name in SPECS}

each = pytest.mark.parametrize("name", [DOUBLEMU, "z_mumu"])


def counts(histogram: hist.Hist[Any]) -> Numbers:
    found: Numbers = histogram.values(flow=True)
    return found


def median(histogram: hist.Hist[Any], low: float, high: float) -> float:
    """Return the median of what lies between two masses, as if spread evenly inside each bin."""
    edges, running = histogram.axes[0].edges, np.concatenate([[0], np.cumsum(histogram.values())])
    first, last = np.interp([low, high], edges, running)
    return float(np.interp((first + last) / 2, running, edges))


def measured(found: Histograms, number: dict[str, Any]) -> float:
    histogram = found[number["histogram"]]
    match number["measure"]:
        case "entries":
            return float(histogram.sum(flow=True))
        case "bin":
            return float(histogram[number["bin"]])
        case "median":
            return median(histogram, *number["range"])
    raise AssertionError(number["measure"])


@each
def test_the_numbers_of_reference(run: Run, name: str) -> None:
    reference = REFERENCES[name]
    assert reference["dataset"] == SPECS[name].datasets[0]
    found = run(name, *reference["events"])
    for number in reference["numbers"]:
        assert measured(found, number) == pytest.approx(number["value"], abs=number["tolerance"]), number["what"]
        assert number["source"]


@each
@pytest.mark.parametrize("cuts", [[0.5], [0.0, 0.013, 0.013, 0.4, 0.99, 1.0]])
def test_chunks_add_up_to_the_whole(run: Run, name: str, cuts: list[float]) -> None:
    start, stop = REFERENCES[name]["events"]
    edges = [start, *(int(start + cut * (stop - start)) for cut in cuts), stop]
    whole = run(name, start, stop)
    parts = [run(name, *ends) for ends in pairwise(edges)]
    for key, histogram in whole.items():
        # Added as the gatherer does it: on the wire and back.
        wired = [histograms.from_uhi(histograms.to_uhi(part[key])) for part in parts]
        assert np.array_equal(counts(reduce(histograms.add, wired)), counts(histogram)), key


@each
def test_no_events_give_the_same_axes(run: Run, name: str) -> None:
    nothing, something = run(name, 5, 5), run(name, 0, 100)
    assert list(nothing) == list(something)
    for key, histogram in nothing.items():
        assert histogram.axes == something[key].axes
        assert histogram.sum(flow=True) == 0


@each
def test_every_figure_is_named_and_labelled(run: Run, name: str) -> None:
    for key, histogram in run(name, 0, 100).items():
        assert histogram.name == key
        assert histogram.label
        assert all(axis.name and axis.label for axis in histogram.axes)


def ends() -> list[Any]:
    """Every slider at both its ends, every choice."""
    found = []
    for name, spec in SPECS.items():
        for field, schema in spec.parameters["properties"].items():
            values = schema.get("enum") or [schema["minimum"], schema["maximum"]]
            marks = [pytest.mark.opendata] if name == "dimuon_spectrum" else []
            found += [pytest.param(name, field, value, marks=marks, id=f"{name}.{field}={value}") for value in values]
    return found


@pytest.mark.parametrize(("name", "field", "value"), ends())
def test_every_slider_works_at_both_ends(run: Run, name: str, field: str, value: Any) -> None:
    for histogram in run(name, 0, 2000, **{field: value}).values():
        assert np.all(counts(histogram) >= 0)
        assert histograms.to_uhi(histogram)["uhi_schema"] == 1


# ------------------------------------------------------------------------------------------------ z_mumu
def zmumu_columns(path: Path) -> dict[str, Numbers]:
    with uproot.open(path) as file:
        columns: dict[str, Numbers] = file["events"].arrays(library="np")
    return columns


@pytest.mark.parametrize("bins", [10, 60, 120])
def test_z_mumu_is_the_mass_that_the_record_gives(run: Run, events_file: Callable[[str], Path], bins: int) -> None:
    told = zmumu_columns(events_file("cms-2010-zmumu"))["M"]
    found = run("z_mumu", 0, 2304, bins=bins)["dimuon_mass"]
    assert np.array_equal(found.values(), np.histogram(told, bins=bins, range=(60, 120))[0])
    assert [counts(found)[0], counts(found)[-1]] == [np.sum(told < 60), np.sum(told >= 120)] == [292, 4]


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
    run: Run, events_file: Callable[[str], Path], params: dict[str, Any], expected: int | None
) -> None:
    data = zmumu_columns(events_file("cms-2010-zmumu"))
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


# ------------------------------------------------------------------------------------------------ dimuon_spectrum
@pytest.fixture(scope="module")
def pairs(events_file: Callable[[str], Path]) -> dict[str, Numbers]:
    """Return the events with two muons, a row each, and their masses: uproot and numpy, nothing of ours."""
    with uproot.open({events_file("cms-2012-doublemu"): "Events"}) as tree:
        events = tree.arrays()
    two = events[events.nMuon == 2]
    found = {name: ak.to_numpy(two[f"Muon_{name}"]).astype(float) for name in ("pt", "eta", "phi", "mass", "charge")}
    p = found["pt"] * np.cosh(found["eta"])
    energy = np.sqrt(p**2 + found["mass"] ** 2).sum(axis=1)
    px = (found["pt"] * np.cos(found["phi"])).sum(axis=1)
    py = (found["pt"] * np.sin(found["phi"])).sum(axis=1)
    pz = (found["pt"] * np.sinh(found["eta"])).sum(axis=1)
    return found | {"m": np.sqrt(energy**2 - px**2 - py**2 - pz**2)}


@pytest.mark.opendata
@pytest.mark.parametrize(
    ("ends", "bins", "params"),
    [
        ((0.25, 300), 300, {}),
        ((0.25, 300), 1000, {"bins": 1000}),
        ((0.25, 300), 300, {"charge": "same"}),
        ((0.25, 300), 300, {"charge": "both", "min_pt": 5}),
        ((0.4, 1.4), 50, {"window": "rho, omega, phi", "bins": 50}),
        ((2.8, 3.4), 60, {"window": "J/psi", "bins": 60, "max_eta": 0.8}),
        ((3.5, 3.85), 35, {"window": "psi(2S)", "bins": 35}),
        ((8.5, 11.5), 300, {"window": "Upsilon", "min_pt": 4}),
        ((60, 120), 300, {"window": "Z", "min_pt": 20, "max_eta": 2.4}),
    ],
    ids=str,
)
def test_dimuon_spectrum_bin_by_bin(
    run: Run, pairs: dict[str, Numbers], ends: tuple[float, float], bins: int, params: dict[str, Any]
) -> None:
    opposite = pairs["charge"].sum(axis=1) == 0
    kept = {"opposite": opposite, "same": ~opposite, "both": opposite | True}[params.get("charge", "opposite")]
    kept &= pairs["pt"].min(axis=1) >= params.get("min_pt", 0)
    kept &= abs(pairs["eta"]).max(axis=1) <= params.get("max_eta", 10)
    mass = pairs["m"][kept]
    found = run("dimuon_spectrum", 0, 100_000, **params)
    edges = np.linspace(*ends, bins + 1) if "window" in params else np.geomspace(*ends, bins + 1)
    assert np.array_equal(found["dimuon_mass"].values(), np.histogram(mass, edges)[0])
    flow = [np.sum(mass < ends[0]), np.sum(mass >= ends[1])]
    assert [counts(found["dimuon_mass"])[0], counts(found["dimuon_mass"])[-1]] == flow
    assert list(found["cutflow"].values()) == [100_000, 48_976, 37_183, kept.sum()]


@pytest.mark.opendata
def test_dimuon_spectrum_asks_for_a_log_axis_only_for_the_whole(run: Run) -> None:
    for window, scale in (("all", "log"), ("Z", None)):
        wired = histograms.to_uhi(run("dimuon_spectrum", 0, 100, window=window)["dimuon_mass"])
        assert wired["axes"][0]["metadata"].get("scale") == scale


@pytest.mark.opendata
def test_particles_are_where_they_should_be(run: Run) -> None:
    """The highest bin of each window lies at the mass that the Particle Data Group gives, within one per cent."""
    for window, mass in {"J/psi": 3.0969, "psi(2S)": 3.6861, "Upsilon": 9.4604, "Z": 91.188}.items():
        found = run("dimuon_spectrum", 0, 100_000, window=window, bins=40)["dimuon_mass"]
        peak = found.axes[0].centers[np.argmax(found.values())]
        assert peak == pytest.approx(mass, rel=0.01), window
