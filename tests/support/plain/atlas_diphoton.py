"""``atlas_diphoton``, event by event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.plain.bins import Bins, counted, four, invariant, named, read

__all__ = ["atlas_diphoton"]

NAMES = ["pt", "eta", "phi", "e", "isTightID", "ptcone20"]
SETTINGS: dict[str, Any] = {
    "identification": "tight",
    "min_pt_first": 50,
    "min_pt_second": 30,
    "max_isolation": 0.055,
    "min_share": 0.35,
    "bins": 60,
}


def atlas_diphoton(paths: list[Path], start: int, stop: int, **params: Any) -> Bins:
    """Return the mass of the two photons and the cutflow."""
    chosen = SETTINGS | params
    masses, left = [], [0] * 7
    for event in read(paths, [f"photon_{name}" for name in NAMES], start, stop):
        left[0] += 1
        rows = zip(*(event[f"photon_{name}"] for name in NAMES), strict=True)
        photons = sorted((dict(zip(NAMES, row, strict=True)) for row in rows), key=lambda photon: -photon["pt"])[:2]
        if len(photons) < 2:
            continue
        mass = invariant(*(four(each["pt"], each["eta"], each["phi"], energy=each["e"]) for each in photons))
        steps = [
            True,
            chosen["identification"] == "any" or all(photon["isTightID"] for photon in photons),
            photons[0]["pt"] > chosen["min_pt_first"] and photons[1]["pt"] > chosen["min_pt_second"],
            all(photon["ptcone20"] / photon["pt"] < chosen["max_isolation"] for photon in photons),
            not any(1.37 < abs(photon["eta"]) < 1.52 for photon in photons),
            all(photon["pt"] / mass > chosen["min_share"] for photon in photons),
        ]
        passed = steps.index(False) if False in steps else len(steps)
        for step in range(passed):
            left[1 + step] += 1
        if passed == len(steps):
            masses.append(mass)
    return {"diphoton_mass": counted(masses, chosen["bins"], 100, 160), "cutflow": named(left)}
