"""``agc_ttbar``, event by event, after the description of the Analysis Grand Challenge."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

from support.plain.bins import Bins, Event, Four, columns, counted, four, invariant, named, read

__all__ = ["agc_ttbar"]

# Full NanoAOD, and what is left of it in the files for teaching.
FULL = {
    "Electron": ["pt", "eta", "sip3d", "cutBased"],
    "Muon": ["pt", "eta", "sip3d", "tightId", "pfRelIso04_all"],
    "Jet": ["pt", "eta", "phi", "mass", "btagCSVV2", "jetId"],
}
REDUCED = {"Muon": ["pt", "eta", "tightId", "pfRelIso04_all"], "Jet": ["pt", "eta", "phi", "mass", "btag", "puId"]}
Layout = dict[str, list[str]]
SETTINGS: dict[str, Any] = {
    "lepton": "electron or muon",
    "min_jet_pt": 30,
    "min_lepton_pt": 30,
    "b_tag": 0.5,
    "min_jets": 4,
    "bins": 25,
}


def _particles(event: Event, layout: Layout, kind: str) -> list[dict[str, Any]]:
    rows = zip(*(event[f"{kind}_{name}"] for name in layout.get(kind, [])), strict=True)
    return [dict(zip(layout[kind], row, strict=True)) for row in rows]


def _leptons(event: Event, layout: Layout, least: float) -> list[str]:
    found = []
    for kind in ("Electron", "Muon"):
        for each in _particles(event, layout, kind):
            sure = each["cutBased"] == 4 if kind == "Electron" else each["tightId"] and each["pfRelIso04_all"] < 0.15
            if sure and each["pt"] > least and abs(each["eta"]) < 2.1 and each.get("sip3d", 0) < 4:
                found.append(kind.lower())
    return found


def _jets(event: Event, layout: Layout, least: float) -> list[dict[str, Any]]:
    found = []
    for jet in _particles(event, layout, "Jet"):
        sure = jet["jetId"] & 4 if "jetId" in jet else jet["puId"]
        if sure and jet["pt"] > least and abs(jet["eta"]) < 2.4:
            found.append(jet | {"tag": jet.get("btagCSVV2", jet.get("btag"))})
    return found


def _across(momenta: list[Four]) -> float:
    px, py, *_ = (sum(parts) for parts in zip(*momenta, strict=True))
    return px**2 + py**2


def _three(jets: list[dict[str, Any]], b_tag: float) -> float:
    momenta = [
        [four(jet["pt"], jet["eta"], jet["phi"], jet["mass"]) for jet in triple]
        for triple in combinations(jets, 3)
        if any(jet["tag"] > b_tag for jet in triple)
    ]
    return invariant(*max(momenta, key=_across))


def agc_ttbar(paths: list[Path], start: int, stop: int, **params: Any) -> Bins:
    """Return HT, the mass of three jets, and the cutflow."""
    chosen = SETTINGS | params
    layout = FULL if "Electron_pt" in columns(paths[0]) else REDUCED
    branches = [f"{kind}_{name}" for kind, names in layout.items() for name in names]
    sums, masses, left = [], [], [0] * 5
    for event in read(paths, branches, start, stop):
        left[0] += 1
        leptons = _leptons(event, layout, chosen["min_lepton_pt"])
        if len(leptons) != 1 or leptons[0] not in chosen["lepton"]:
            continue
        left[1] += 1
        jets = _jets(event, layout, chosen["min_jet_pt"])
        if len(jets) < chosen["min_jets"]:
            continue
        left[2] += 1
        tags = sum(jet["tag"] > chosen["b_tag"] for jet in jets)
        if tags == 1:
            left[3] += 1
            sums.append(sum(jet["pt"] for jet in jets))
        elif tags > 1:
            left[4] += 1
            masses.append(_three(jets, chosen["b_tag"]))
    return {
        "ht": counted(sums, chosen["bins"], 50, 550),
        "trijet_mass": counted(masses, chosen["bins"], 50, 550),
        "cutflow": named(left),
    }
