"""``higgs_tautau``, event by event, after the description in CERN Open Data record 12350."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from support.plain.bins import Bins, Event, apart, counted, four, invariant, named, read

__all__ = ["higgs_tautau"]

TRIGGER = "HLT_IsoMu17_eta2p1_LooseIsoPFTau20"
MUON = ["pt", "eta", "phi", "mass", "charge", "tightId", "pfRelIso03_all"]
SURE = ["idDecayMode", "idIsoTight", "idAntiEleTight", "idAntiMuTight"]
TAU = ["pt", "eta", "phi", "mass", "charge", "relIso_all", *SURE]
Particle = dict[str, Any]
SETTINGS: dict[str, Any] = {
    "charges": "opposite",
    "min_muon_pt": 17,
    "min_tau_pt": 20,
    "max_transverse_mass": 30,
    "max_isolation": 0.1,
    "bins": 30,
}


def _particles(event: Event, kind: str, names: list[str]) -> list[Particle]:
    rows = zip(*(event[f"{kind}_{name}"] for name in names), strict=True)
    return [dict(zip(names, row, strict=True)) for row in rows]


def _pair(muons: list[Particle], taus: list[Particle]) -> tuple[Particle, Particle] | None:
    """Return the hardest muon that has a tau half a unit away or more, and the most isolated of these taus."""
    for muon in sorted(muons, key=lambda each: -each["pt"]):
        far = [tau for tau in taus if apart(muon["eta"], muon["phi"], tau["eta"], tau["phi"]) > 0.5]
        if far:
            return muon, min(far, key=lambda tau: tau["relIso_all"])
    return None


def higgs_tautau(paths: list[Path], start: int, stop: int, **params: Any) -> Bins:
    """Return the visible mass, the transverse mass, and the cutflow."""
    chosen = SETTINGS | params
    branches = [TRIGGER, "MET_pt", "MET_phi", *(f"Muon_{name}" for name in MUON), *(f"Tau_{name}" for name in TAU)]
    visible, transverse, left = [], [], [0] * 6
    for event in read(paths, branches, start, stop):
        left[0] += 1
        if not event[TRIGGER]:
            continue
        left[1] += 1
        muons = [muon for muon in _particles(event, "Muon", MUON) if muon["tightId"] and abs(muon["eta"]) < 2.1]
        taus = [tau for tau in _particles(event, "Tau", TAU) if all(tau[name] for name in SURE) and tau["charge"]]
        taus = [tau for tau in taus if tau["pt"] > chosen["min_tau_pt"] and abs(tau["eta"]) < 2.3]
        found = _pair([muon for muon in muons if muon["pt"] > chosen["min_muon_pt"]], taus)
        if found is None:
            continue
        left[2] += 1
        muon, tau = found
        if muon["pfRelIso03_all"] >= chosen["max_isolation"]:
            continue
        left[3] += 1
        if (muon["charge"] * tau["charge"] < 0) != (chosen["charges"] == "opposite"):
            continue
        left[4] += 1
        turn = muon["phi"] - event["MET_phi"]
        mt = math.sqrt(2 * muon["pt"] * event["MET_pt"] * (1 - math.cos(turn)))
        transverse.append(mt)
        if mt < chosen["max_transverse_mass"]:
            left[5] += 1
            visible.append(invariant(*(four(each["pt"], each["eta"], each["phi"], each["mass"]) for each in found)))
    return {
        "visible_mass": counted(visible, chosen["bins"], 20, 140),
        "transverse_mass": counted(transverse, 30, 0, 150),
        "cutflow": named(left),
    }
