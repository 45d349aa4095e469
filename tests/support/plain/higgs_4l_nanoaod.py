"""``higgs_4l_nanoaod``, event by event, after the description of ROOT's tutorial df103.

One thing differs from the tutorial: there, the mass of the best pair so far is kept as a whole number.
"""

from __future__ import annotations

import math
from itertools import combinations
from pathlib import Path
from typing import Any

from support.plain.bins import Bins, Event, apart, counted, four, invariant, named, read

__all__ = ["higgs_4l_nanoaod"]

NAMES = ["pt", "eta", "phi", "mass", "charge", "dxy", "dxyErr", "dz", "dzErr"]
ISOLATION = {"Muon": "pfRelIso04_all", "Electron": "pfRelIso03_all"}
FARTHEST = {"Muon": 2.4, "Electron": 2.5}
Lepton = dict[str, Any]
SETTINGS: dict[str, Any] = {
    "channel": "all",
    "max_isolation": 0.4,
    "min_z2": 12,
    "bins": 36,
}


def _leptons(event: Event, kind: str) -> list[Lepton]:
    names = [*NAMES, ISOLATION[kind]]
    rows = zip(*(event[f"{kind}_{name}"] for name in names), strict=True)
    found = [dict(zip([*NAMES, "isolation"], row, strict=True)) for row in rows]
    for lepton in found:
        lepton["four"] = four(lepton["pt"], lepton["eta"], lepton["phi"], lepton["mass"])
    return found


def _clean(lepton: Lepton, kind: str, isolation: float) -> bool:
    away = math.hypot(lepton["dxy"], lepton["dz"]) / math.hypot(lepton["dxyErr"], lepton["dzErr"])
    near = abs(lepton["dxy"]) < 0.5 and abs(lepton["dz"]) < 1
    return near and away < 4 and lepton["isolation"] < isolation and abs(lepton["eta"]) < FARTHEST[kind]


def _mass(leptons: list[Lepton]) -> float:
    return invariant(*(lepton["four"] for lepton in leptons))


def _close(pair: list[Lepton]) -> bool:
    one, two = pair
    return apart(one["eta"], one["phi"], two["eta"], two["phi"]) < 0.02


def _same(leptons: list[Lepton], least: float) -> tuple[list[Lepton], list[Lepton]] | None:
    """Return the pair nearest to the Z and the other pair, of four leptons of one kind."""
    if len(leptons) != 4 or sum(lepton["charge"] for lepton in leptons) or any(each["pt"] <= least for each in leptons):
        return None
    neutral = [[one, two] for one, two in combinations(leptons, 2) if one["charge"] != two["charge"]]
    best = min(neutral, key=lambda pair: abs(_mass(pair) - 91.2))
    return best, [lepton for lepton in leptons if not any(lepton is used for used in best)]


def _mixed(muons: list[Lepton], electrons: list[Lepton]) -> tuple[list[Lepton], list[Lepton]] | None:
    """Return the pair nearest to the Z and the other pair, of two muons and two electrons."""
    if min(len(muons), len(electrons)) < 2 or any(sum(each["charge"] for each in all_) for all_ in (muons, electrons)):
        return None
    hardest = [sorted((each["pt"] for each in leptons), reverse=True) for leptons in (muons, electrons)]
    if not any(pts[0] > 20 and pts[1] > 10 for pts in hardest):
        return None
    first, second = sorted([muons[:2], electrons[:2]], key=lambda pair: abs(_mass(pair) - 91.2))
    return first, second


def higgs_4l_nanoaod(paths: list[Path], start: int, stop: int, **params: Any) -> Bins:
    """Return the mass of the four leptons and of the second pair, and the number of candidates of each kind."""
    chosen = SETTINGS | params
    branches = [f"{kind}_{name}" for kind, isolation in ISOLATION.items() for name in [*NAMES, isolation]]
    counts = dict.fromkeys(["4 muons", "4 electrons", "2 electrons and 2 muons"], 0)
    masses, second = [], []
    for event in read(paths, branches, start, stop):
        muons, electrons = _leptons(event, "Muon"), _leptons(event, "Electron")
        good_muons = all(_clean(muon, "Muon", chosen["max_isolation"]) for muon in muons)
        good_electrons = all(_clean(each, "Electron", chosen["max_isolation"]) for each in electrons)
        pairs = {
            "4 muons": _same(muons, 5) if good_muons else None,
            "4 electrons": _same(electrons, 7) if good_electrons else None,
            "2 electrons and 2 muons": _mixed(muons, electrons) if good_muons and good_electrons else None,
        }
        for name, found in pairs.items():
            if chosen["channel"] not in {"all", name} or found is None or any(_close(pair) for pair in found):
                continue
            z1, z2 = (_mass(pair) for pair in found)
            if 40 < z1 < 120 and chosen["min_z2"] < z2 < 120:
                counts[name] += 1
                masses.append(_mass([*found[0], *found[1]]))
                second.append(z2)
    return {
        "four_lepton_mass": counted(masses, chosen["bins"], 70, 180),
        "second_pair_mass": counted(second, 60, 0, 120),
        "candidates": named(counts.values()),
    }
