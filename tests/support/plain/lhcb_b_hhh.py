"""``lhcb_b_hhh``, candidate by candidate."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from support.plain.bins import Bins, Event, Four, counted, invariant, named, read

__all__ = ["lhcb_b_hhh"]

NAMES = [f"H{i}_{part}" for i in (1, 2, 3) for part in ("PX", "PY", "PZ", "ProbK", "ProbPi", "Charge", "isMuon")]
SETTINGS: dict[str, Any] = {
    "hadrons": "three kaons",
    "charge": "both",
    "min_right": 0.5,
    "max_wrong": 0.5,
    "mass_high": 5400,
    "bins": 70,
    "window": 60,
}


def _four(event: Event, i: int, mass: float) -> Four:
    px, py, pz = (event[f"H{i}_P{axis}"] for axis in "XYZ")
    return px, py, pz, math.sqrt(px**2 + py**2 + pz**2 + mass**2)


def _squares(points: list[tuple[float, float]]) -> np.ndarray[Any, Any]:
    edges = [
        np.concatenate([[-np.inf], np.linspace(0, high, bins + 1), [np.inf]]) for bins, high in ((56, 14), (48, 24))
    ]
    smaller, larger = zip(*points, strict=True) if points else ((), ())
    return np.histogram2d(smaller, larger, bins=edges)[0]


def lhcb_b_hhh(paths: list[Path], start: int, stop: int, **params: Any) -> Bins:
    """Return the mass of the three, the Dalitz plot, and the number of B+ and B- near the mass of the B."""
    chosen = SETTINGS | params
    each, right, wrong = {"three kaons": (493.677, "K", "Pi"), "three pions": (139.570, "Pi", "K")}[chosen["hadrons"]]
    wanted = {"both": (1, -1), "B+": (1,), "B-": (-1,)}[chosen["charge"]]
    masses, points, found = [], [], {1: 0, -1: 0}
    for event in read(paths, NAMES, start, stop):
        charges = {i: event[f"H{i}_Charge"] for i in (1, 2, 3)}
        total = sum(charges.values())
        sure = all(
            event[f"H{i}_Prob{right}"] >= chosen["min_right"] and event[f"H{i}_Prob{wrong}"] <= chosen["max_wrong"]
            for i in charges
        )
        if total not in wanted or not sure or any(event[f"H{i}_isMuon"] for i in charges):
            continue
        momenta = {i: _four(event, i, each) for i in charges}
        mass = invariant(*momenta.values())
        masses.append(mass)
        if abs(mass - 5279.25) <= chosen["window"]:
            found[total] += 1
            (odd,) = (i for i in charges if charges[i] != total)
            pairs = sorted(invariant(momenta[odd], momenta[i]) ** 2 / 1e6 for i in charges if i != odd)
            points.append((pairs[0], pairs[1]))
    return {
        "b_mass": counted(masses, chosen["bins"], 5050, chosen["mass_high"]),
        "dalitz": _squares(points),
        "charges": named([found[1], found[-1]]),
    }
