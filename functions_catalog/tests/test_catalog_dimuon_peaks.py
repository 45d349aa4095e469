"""Upsilons, psi(2S), omega and phi: spectra and counts equal those made with uproot and numpy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import hist
import numpy as np
import pytest

Histograms = dict[str, hist.Hist[Any]]
Run = Callable[..., Histograms]
Numbers = np.ndarray[Any, Any]
Pairs = dict[str, Numbers]

pytestmark = pytest.mark.opendata

UPSILON = ("upsilon_family", "upsilon_mass", (8.9, 9.460, 10.023, 10.355, 11.0), 0.12)
PSI = ("psi_2s", "dimuon_mass", (2.802, 3.097, 3.392, 3.686, 3.980), 0.1)
PHI = ("phi_omega", "dimuon_mass", (0.66, 0.783, 0.90, 1.019, 1.14), 0.03)


@pytest.mark.parametrize(
    ("what", "ends", "params", "counted"),
    [
        (UPSILON, (8.5, 11.5, 60), {}, [46, 187, 100, 90, 27]),
        (UPSILON, (8.5, 11.5, 60), {"max_eta": 2.4}, [89, 351, 201, 171, 53]),
        (UPSILON, (8.5, 11.5, 60), {"min_pt": 5}, [31, 174, 90, 81, 22]),
        (UPSILON, (8.5, 11.5, 300), {"charge": "same", "bins": 300}, [12, 15, 8, 15, 19]),
        (PSI, (3.4, 4.0, 40), {}, [391, 3259, 170, 291, 87]),
        (PSI, (2.7, 4.1, 100), {"window": "J/psi and psi(2S)", "bins": 100}, [391, 3259, 170, 291, 87]),
        (PSI, (3.4, 4.0, 40), {"min_pair_pt": 30, "max_eta": 2.4}, [163, 1107, 77, 112, 32]),
        (PHI, (0.5, 1.3, 40), {}, [175, 266, 165, 251, 192]),
        (PHI, (0.5, 1.3, 40), {"charge": "same"}, [56, 54, 37, 35, 50]),
        (PHI, (0.2, 2.5, 80), {"mass_low": 0.2, "mass_high": 2.5, "bins": 80, "min_pair_pt": 30}, None),
    ],
    ids=str,
)
def test_bin_by_bin(
    run: Run,
    doublemu_pairs: Pairs,
    what: tuple[str, str, tuple[float, ...], float],
    ends: tuple[float, float, int],
    params: dict[str, Any],
    counted: list[int] | None,
) -> None:
    """The numbers that are written here are ROOT's: RDataFrame on the same events."""
    name, figure, centers, half_width = what
    pairs = doublemu_pairs
    kept = (pairs["charge"].sum(axis=1) == 0) == (params.get("charge", "opposite") == "opposite")
    kept &= pairs["pt"].min(axis=1) >= params.get("min_pt", 0)
    kept &= pairs["pair_pt"] >= params.get("min_pair_pt", 0)
    kept &= abs(pairs["eta"]).max(axis=1) <= params.get("max_eta", {"upsilon_family": 1.2, "psi_2s": 2.4}.get(name, 10))
    mass = pairs["m"][kept]
    low, high, bins = ends
    found = run(name, 0, 100_000, **params)
    assert np.array_equal(found[figure].values(), np.histogram(mass, bins, (low, high))[0])
    assert found[figure].sum(flow=True) == kept.sum()
    near = [np.sum(abs(mass - center) <= half_width) for center in centers]
    assert list(found["counted"].values()) == near
    assert counted in (None, near)
