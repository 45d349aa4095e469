"""The dimuon spectrum equals one made with uproot and numpy, bin by bin, whatever the sliders say."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hist
import numpy as np
import pytest
from openbeam import histograms

Histograms = dict[str, hist.Hist[Any]]
Run = Callable[..., Histograms]
Numbers = np.ndarray[Any, Any]


pytestmark = pytest.mark.opendata


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
    run: Run, doublemu_pairs: dict[str, Numbers], ends: tuple[float, float], bins: int, params: dict[str, Any]
) -> None:
    pairs = doublemu_pairs
    opposite = pairs["charge"].sum(axis=1) == 0
    kept = {"opposite": opposite, "same": ~opposite, "both": opposite | True}[params.get("charge", "opposite")]
    kept &= pairs["pt"].min(axis=1) >= params.get("min_pt", 0)
    kept &= abs(pairs["eta"]).max(axis=1) <= params.get("max_eta", 10)
    mass = pairs["m"][kept]
    found = run("dimuon_spectrum", 0, 100_000, **params)
    edges = np.linspace(*ends, bins + 1) if "window" in params else np.geomspace(*ends, bins + 1)
    assert np.array_equal(found["dimuon_mass"].values(), np.histogram(mass, edges)[0])
    flow = [np.sum(mass < ends[0]), np.sum(mass >= ends[1])]
    assert list(found["dimuon_mass"].values(flow=True)[[0, -1]]) == flow
    assert list(found["cutflow"].values()) == [100_000, 48_976, 37_183, kept.sum()]


def test_dimuon_spectrum_asks_for_a_log_axis_only_for_the_whole(run: Run) -> None:
    for window, scale in (("all", "log"), ("Z", None)):
        wired = histograms.to_uhi(run("dimuon_spectrum", 0, 100, window=window)["dimuon_mass"])
        assert wired["axes"][0]["metadata"].get("scale") == scale


def test_particles_are_where_they_should_be(run: Run) -> None:
    """The highest bin of each window lies at the mass that the Particle Data Group gives, within one per cent."""
    for window, mass in {"J/psi": 3.0969, "psi(2S)": 3.6861, "Upsilon": 9.4604, "Z": 91.188}.items():
        found = run("dimuon_spectrum", 0, 100_000, window=window, bins=40)["dimuon_mass"]
        peak = found.axes[0].centers[np.argmax(found.values())]
        assert peak == pytest.approx(mass, rel=0.01), window
