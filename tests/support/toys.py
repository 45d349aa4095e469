"""Small simulated files in the layout of datasets whose real files are large: real branches, all multiplicities.

Each writes the same bytes of events every time. The kinematics are those of the decay; all the rest is random, with
events that sit on the wrong side of every step of a selection.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import uproot

from support.decays import Random, Vectors, columns, decay, moving, smeared

__all__ = ["four_leptons", "hadrons", "jets", "muon_tau", "photons"]

Columns = dict[str, np.ndarray[Any, Any]]
MUON, ELECTRON, KAON, PION, TAU, B = 0.105658, 0.000511, 493.677, 139.570, 1.77686, 5279.25


def shuffled(rng: Random, parts: list[Vectors], most: int) -> tuple[np.ndarray[Any, Any], Vectors]:
    """Return how many of its parts each event shows, in any order, and these one after the other.

    An event has all of the parts (most events), or 0 to all of them; ``most`` soft vectors may come on top.
    """
    count = len(parts[0])
    soft = [moving(rng, np.full(count, MUON), 8, 1.5) for _ in range(most)]
    stack = np.stack([*parts, *soft], axis=1)
    whole = rng.random(count) < 0.7
    shown = np.where(whole[:, None], True, rng.random((count, stack.shape[1])) < 0.6)
    extra = rng.random((count, stack.shape[1])) < 0.1
    shown[:, len(parts) :] &= extra[:, len(parts) :]
    order = np.argsort(rng.random(shown.shape), axis=1)
    stack = np.take_along_axis(stack, order[..., None], axis=1)
    shown = np.take_along_axis(shown, order, axis=1)
    return shown.sum(axis=1), stack[shown]


def jagged(counts: np.ndarray[Any, Any], parts: Columns, types: dict[str, str] | None = None) -> ak.Array:
    """Return a collection: lists of these lengths, cut from the columns; numbers of 32 bits, as the files have them."""
    narrow = {name: part.astype((types or {}).get(name, _type(part))) for name, part in parts.items()}
    return ak.unflatten(ak.zip(narrow), counts)


def _type(part: np.ndarray[Any, Any]) -> str:
    return {"f": "f4", "i": "i4", "b": "?"}[part.dtype.kind]


def _write(path: Path, tree: str, branches: dict[str, Any]) -> Path:
    arrays = {name: ak.Array(branch) for name, branch in branches.items()}
    with uproot.recreate(path) as file:
        file.mktree(tree, {name: array.type.content for name, array in arrays.items()}).extend(arrays)
    return path


def _momenta(vectors: Vectors, rest: float) -> Columns:
    found = columns(vectors)
    return {name: found[name] for name in ("pt", "eta", "phi")} | {"mass": np.full(len(vectors), rest)}


# ------------------------------------------------------------------------------------------- four leptons, CMS 2012
def _tracks(rng: Random, vectors: Vectors, rest: float, isolations: tuple[str, ...]) -> Columns:
    count = len(vectors)
    good = rng.random(count) < 0.95
    wide = np.where(good, 1, 20)
    return _momenta(vectors, rest) | {
        "charge": rng.choice([-1, 1], count),
        "dxy": rng.normal(0, 0.003, count) * wide,
        "dxyErr": rng.uniform(0.002, 0.004, count),
        "dz": rng.normal(0, 0.006, count) * wide,
        "dzErr": rng.uniform(0.004, 0.008, count),
        **{name: rng.exponential(np.where(good, 0.05, 0.5)) for name in isolations},
    }


def four_leptons(path: Path, count: int = 2000) -> Path:
    """Write events in the layout of records 12361 to 12368: Higgs bosons and pairs of Z bosons to four leptons."""
    rng = np.random.default_rng(12361)
    # A Higgs boson, one Z boson and something light, or two Z bosons.
    sort = rng.choice(3, count, p=[0.2, 0.4, 0.4])
    heavy = np.choose(sort, [np.full(count, 125.0), rng.uniform(110, 200, count), rng.uniform(190, 400, count)])
    first = np.minimum(rng.normal(91, 2.5, count), heavy - 5)
    second = np.minimum(np.where(sort < 2, rng.uniform(5, 40, count), rng.normal(91, 2.5, count)), heavy - first - 1)
    one, two = decay(rng, moving(rng, heavy, 25, 0.9), first, second)
    pairs = [[smeared(rng, part, 0.01) for part in decay(rng, boson, MUON, MUON)] for boson in (one, two)]
    # 0: four muons, 1: four electrons, 2 and 3: a pair of each.
    kind = rng.integers(0, 4, count)
    branches: dict[str, Any] = {"run": np.ones(count, "i4"), "event": np.arange(count, dtype="u8")}
    for name, rest, isolations, with_first, with_second in (
        ("Muon", MUON, ("pfRelIso03_all", "pfRelIso04_all"), (0, 2), (0, 3)),
        ("Electron", ELECTRON, ("pfRelIso03_all",), (1, 3), (1, 2)),
    ):
        branches[name] = _leptons(rng, pairs, rest, isolations, (np.isin(kind, with_first), np.isin(kind, with_second)))
    branches |= {"MET_pt": rng.exponential(20, count).astype("f4"), "MET_phi": rng.uniform(-3, 3, count).astype("f4")}
    return _write(path, "Events", branches)


def _leptons(
    rng: Random, pairs: list[list[Vectors]], rest: float, isolations: tuple[str, ...], has: tuple[Any, Any]
) -> ak.Array:
    """Return the collection of one kind: the pairs that are of it, some lost, with some that belong to nothing."""
    count = len(has[0])
    stack = np.stack([*pairs[0], *pairs[1], *(moving(rng, np.full(count, rest), 10, 1.2) for _ in range(2))], axis=1)
    shown = np.stack([has[0], has[0], has[1], has[1], rng.random(count) < 0.08, rng.random(count) < 0.08], axis=1)
    shown[:, :4] &= rng.random((count, 4)) < 0.95
    charges = np.tile([1, -1, 1, -1, 1, -1], (count, 1)) * np.where(rng.random((count, 6)) < 0.03, -1, 1)
    order = np.argsort(rng.random(shown.shape), axis=1)
    stack = np.take_along_axis(stack, order[..., None], axis=1)
    shown, charges = (np.take_along_axis(part, order, axis=1) for part in (shown, charges))
    return jagged(shown.sum(axis=1), _tracks(rng, stack[shown], rest, isolations) | {"charge": charges[shown]})


# ------------------------------------------------------------------------------------------- muon and tau, CMS 2012
def muon_tau(path: Path, count: int = 4000) -> Path:
    """Write events in the layout of records 12351 to 12359: Z and Higgs bosons to two taus, and W bosons with a jet."""
    rng = np.random.default_rng(12351)
    heavy = np.where(rng.random(count) < 0.7, rng.normal(91, 2.5, count), 125)
    plus, minus = decay(rng, moving(rng, heavy, 30, 0.8), TAU, TAU)
    # The muon gets about a third of its tau's energy, the hadrons about half: what the neutrinos leave.
    muon, hadrons_ = plus * rng.beta(2, 3, count)[:, None], minus * rng.beta(3, 3, count)[:, None]
    invisible = (plus + minus - muon - hadrons_)[:, :2] + rng.normal(0, 8, (count, 2))
    muons, muon_vectors = shuffled(rng, [muon], 2)
    taus, tau_vectors = shuffled(rng, [hadrons_], 3)
    size = len(tau_vectors)
    tau = _momenta(tau_vectors, 0.8) | {
        "charge": rng.choice([-1, 0, 1], size, p=[0.45, 0.1, 0.45]),
        "decayMode": rng.integers(0, 11, size),
        # Few values: two taus of an event may be equally isolated.
        "relIso_all": rng.choice([0.0, 0.01, 0.05, 0.3], size),
    }
    tau |= {name: rng.random(size) < 0.9 for name in ("idDecayMode", "idIsoTight", "idAntiEleTight", "idAntiMuTight")}
    size = len(muon_vectors)
    found = _momenta(muon_vectors, MUON) | {
        "charge": rng.choice([-1, 1], size),
        "softId": rng.random(size) < 0.95,
        "tightId": rng.random(size) < 0.9,
        "pfRelIso03_all": rng.exponential(0.06, size),
        "pfRelIso04_all": rng.exponential(0.06, size),
    }
    trigger = {"HLT_IsoMu24": 0.3, "HLT_IsoMu24_eta2p1": 0.3, "HLT_IsoMu17_eta2p1_LooseIsoPFTau20": 0.85}
    branches: dict[str, Any] = {name: rng.random(count) < often for name, often in trigger.items()}
    branches |= {"Muon": jagged(muons, found), "Tau": jagged(taus, tau), "event": np.arange(count, dtype="u8")}
    branches |= {
        "MET_pt": np.hypot(*invisible.T).astype("f4"),
        "MET_phi": np.arctan2(invisible[:, 1], invisible[:, 0]).astype("f4"),
    }
    return _write(path, "Events", branches)


# ------------------------------------------------------------------------------------------- photons, ATLAS 2015-2016
def photons(path: Path, count: int = 3000) -> Path:
    """Write events in the layout of record 93915: Higgs bosons to two photons, and pairs of any mass."""
    rng = np.random.default_rng(93915)
    heavy = np.where(rng.random(count) < 0.3, 125, rng.exponential(40, count) + 60)
    both = [smeared(rng, part, 0.015) for part in decay(rng, moving(rng, heavy, 25, 0.8), 0, 0)]
    counts, vectors = shuffled(rng, both, 2)
    found, size = columns(vectors), len(vectors)
    parts = {"pt": found["pt"], "eta": found["eta"], "phi": found["phi"], "e": found["energy"]}
    parts |= {"isTightID": rng.random(size) < 0.9, "ptcone20": rng.exponential(0.02, size) * found["pt"]}
    branches: dict[str, Any] = {f"photon_{name}": jagged(counts, {name: part})[name] for name, part in parts.items()}
    return _write(path, "analysis", branches | {"photon_n": counts.astype("i4"), "trigP": rng.random(count) < 0.9})


# ------------------------------------------------------------------------------------------- B mesons, LHCb 2011
def _hadron_tracks(rng: Random, three: list[Vectors], kaons: np.ndarray[Any, Any]) -> Iterator[tuple[str, Any]]:
    count = len(kaons)
    sign = rng.choice([-1, 1], count)
    charges = rng.permuted(np.stack([sign, sign, -sign], axis=1), axis=1)
    charges[: count // 20] = sign[: count // 20, None]  # three of one charge, which no B decays to
    for i, track in enumerate(three, 1):
        yield from ((f"H{i}_P{axis}", track[:, place]) for place, axis in enumerate("XYZ"))
        yield f"H{i}_ProbK", np.where(kaons, rng.beta(5, 1, count), rng.beta(1, 5, count))
        yield f"H{i}_ProbPi", np.where(kaons, rng.beta(1, 5, count), rng.beta(5, 1, count))
        yield f"H{i}_Charge", charges[:, i - 1].astype("i4")
        yield f"H{i}_isMuon", (rng.random(count) < 0.05).astype("i4")


def hadrons(path: Path, count: int = 3000) -> Path:
    """Write candidates in the layout of record 4900's data: B mesons to three kaons, some by way of two, and others."""
    rng = np.random.default_rng(4900)
    heavy = np.where(rng.random(count) < 0.6, rng.normal(B, 17, count), rng.uniform(5000, 6300, count))
    pair = np.where(rng.random(count) < 0.4, rng.normal(1020, 4, count), rng.uniform(1000, 4700, count))
    two, one = decay(rng, moving(rng, heavy, 6000, 0.5) * 1.0, pair, KAON)
    three = [one, *decay(rng, two, KAON, KAON)]
    names = {"B_FlightDistance": rng.exponential(10, count), "B_VertexChi2": rng.exponential(1, count)}
    return _write(path, "DecayTree", names | dict(_hadron_tracks(rng, three, rng.random(count) < 0.8)))


# ------------------------------------------------------------------------------------------- top quarks, CMS
def jets(path: Path, count: int = 2500, *, reduced: bool = False) -> Path:
    """Write pairs of top quarks with the branches of NanoAOD that are read, or with those of record 12354."""
    rng = np.random.default_rng(2015)
    top, other = decay(rng, moving(rng, rng.uniform(360, 700, count), 40, 0.8), 172.5, 172.5)
    (w_jets, b_jet), (w_lepton, b_other) = (decay(rng, quark, 80.4, 4.8) for quark in (top, other))
    quarks, (lepton, _) = [*decay(rng, w_jets, 0.5, 0.5), b_jet, b_other], decay(rng, w_lepton, MUON, 0)
    counts, vectors = shuffled(rng, [smeared(rng, part, 0.1) for part in quarks], 3)
    # Few values: a tag may lie on the edge, and a tag of -10 says that there is none.
    tag = rng.choice([-10, 0.1, 0.5, 0.8, 0.95], len(vectors))
    sure = rng.choice([0, 2, 6], len(vectors), p=[0.02, 0.05, 0.93])
    jet = {"btag": tag, "puId": sure > 0} if reduced else {"btagCSVV2": tag, "jetId": sure}
    branches: dict[str, Any] = {name: np.ones(count, "u4") for name in ("run", "luminosityBlock")}
    branches |= {"event": np.arange(count, dtype="u8"), "Jet": jagged(counts, _momenta(vectors, 5) | jet)}
    branches["Muon"] = _one_kind(rng, lepton, MUON, impact=not reduced)
    if not reduced:
        branches["Electron"] = _one_kind(rng, lepton, ELECTRON, impact=True)
    return _write(path, "Events", branches)


def _one_kind(rng: Random, lepton: Vectors, rest: float, *, impact: bool) -> ak.Array:
    counts, vectors = shuffled(rng, [lepton], 1)
    size = len(vectors)
    parts = _momenta(vectors, rest) | {"charge": rng.choice([-1, 1], size)}
    parts |= {"sip3d": rng.exponential(1.2, size)} if impact else {}
    if rest == MUON:
        parts |= {"tightId": rng.random(size) < 0.8, "pfRelIso04_all": rng.exponential(0.06, size)}
    else:
        parts |= {"cutBased": rng.integers(0, 5, size)}
    return jagged(counts, parts)
