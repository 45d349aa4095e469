"""``atlas_4l``, event by event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from support.plain.bins import Bins, Event, counted, four, invariant, named, read

__all__ = ["atlas_4l"]

NAMES = ["pt", "eta", "phi", "e", "charge", "type", "isLooseID", "isMediumID", "isLooseIso"]
SUMS = {"all": {44, 48, 52}, "4 electrons": {44}, "2 electrons and 2 muons": {48}, "4 muons": {52}}
SETTINGS: dict[str, Any] = {
    "channel": "all",
    "quality": "any",
    "min_pt_first": 7,
    "min_pt_third": 7,
    "bins": 34,
}


def _good(event: Event, lepton: int, quality: str) -> bool:
    identified = event["lep_isMediumID" if event["lep_type"][lepton] == 13 else "lep_isLooseID"][lepton]
    isolated = event["lep_isLooseIso"][lepton]
    return {"any": True, "identified": identified, "identified and isolated": identified and isolated}[quality]


def atlas_4l(paths: list[Path], start: int, stop: int, **params: Any) -> Bins:
    """Return the four-lepton mass and the cutflow."""
    chosen = SETTINGS | params
    events = read(paths, ["trigE", "trigM", *(f"lep_{name}" for name in NAMES)], start, stop)
    masses, left = [], [0] * 7
    for event in events:
        pts = sorted(event["lep_pt"], reverse=True)
        parts = zip(*(event[f"lep_{name}"] for name in ("pt", "eta", "phi", "e")), strict=True)
        mass = invariant(*(four(pt, eta, phi, energy=energy) for pt, eta, phi, energy in parts))
        steps = [
            True,
            event["trigE"] or event["trigM"],
            pts[0] >= chosen["min_pt_first"] and pts[2] >= chosen["min_pt_third"],
            all(_good(event, lepton, chosen["quality"]) for lepton in range(4)),
            sum(event["lep_type"]) in SUMS[chosen["channel"]],
            sum(event["lep_charge"]) == 0,
            80 <= mass < 250,
        ]
        passed = steps.index(False) if False in steps else len(steps)
        for step in range(passed):
            left[step] += 1
        if passed == len(steps):
            masses.append(mass)
    return {"four_lepton_mass": counted(masses, chosen["bins"], 80, 250), "cutflow": named(left)}
