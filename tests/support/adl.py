"""The eight queries of the ADL benchmark a second time: plain Python, one event after the other, numpy for the bins.

Definitions: IRIS-HEP, <https://github.com/iris-hep/adl-benchmarks-index> (README.md and reference.md).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from pathlib import Path
from typing import Any, Final

import numpy as np
import uproot

__all__ = ["FIGURES", "QUERIES", "Bins", "Event", "Figure", "read"]

Event = dict[str, Any]
Bins = Mapping[str, np.ndarray[Any, Any]]
Momentum = tuple[float, float, float, float]


@cache
def read(path: Path) -> list[Event]:
    """Return the events of a file, a dictionary each."""
    with uproot.open({path: "Events"}) as tree:
        events: list[Event] = tree.arrays(filter_name="/^(MET|HLT|n?Jet|n?Muon|n?Electron)/").to_list()
    return events


def momenta(event: Event, kind: str) -> list[Momentum]:
    """Return energy, px, py, pz [GeV] of each particle of a kind."""
    found = []
    for pt, eta, phi, mass in zip(*(event[f"{kind}_{name}"] for name in ("pt", "eta", "phi", "mass")), strict=True):
        p = pt * math.cosh(eta)
        found.append((math.hypot(p, mass), pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)))
    return found


def added(*some: Momentum) -> tuple[float, float]:
    """Return mass and transverse momentum [GeV] of several particles together."""
    energy, x, y, z = (math.fsum(parts) for parts in zip(*some, strict=True))
    return math.sqrt(max(energy * energy - x * x - y * y - z * z, 0)), math.hypot(x, y)


def angle(one: float, two: float) -> float:
    """Return the angle between two azimuths [rad], 0 to π."""
    return abs(math.remainder(one - two, 2 * math.pi))


def missing(event: Event, trigger: str = "") -> Iterator[float]:
    """1: the missing momentum of all events."""
    if not trigger or event[f"HLT_{trigger}"]:
        yield event["MET_pt"]


def jets(event: Event, first: int = 0, last: int | None = None) -> Iterator[float]:
    """2: the transverse momentum of all jets."""
    yield from sorted(event["Jet_pt"], reverse=True)[first:last]


def central(event: Event, border: float = 1, *, outside: bool = False) -> Iterator[float]:
    """3: the transverse momentum of jets with |η| < 1."""
    for pt, eta in zip(event["Jet_pt"], event["Jet_eta"], strict=True):
        if (abs(eta) < border) != outside:
            yield pt


def two_jets(event: Event, wanted: int = 2, min_pt: float = 40, *, exactly: bool = False) -> Iterator[float]:
    """4: the missing momentum of events with at least two jets above 40 GeV."""
    hard = len([pt for pt in event["Jet_pt"] if pt > min_pt])
    if hard == wanted or (hard > wanted and not exactly):
        yield event["MET_pt"]


def near_z(event: Event, low: float = 60, high: float = 120, *, same: bool = False) -> Iterator[float]:
    """5: the missing momentum of events with an opposite-charge muon pair of 60 to 120 GeV."""
    muons = zip(momenta(event, "Muon"), event["Muon_charge"], strict=True)
    for (one, charge1), (two, charge2) in combinations(muons, 2):
        if (charge1 == charge2) == same and low < added(one, two)[0] < high:
            yield event["MET_pt"]
            return


def _trijet(event: Event, mass: float, *, hardest: bool) -> list[tuple[float, float]]:
    """Return transverse momentum and largest b-tag of the trijet nearest to a mass, if there are three jets."""
    groups = []
    for group in combinations(zip(momenta(event, "Jet"), event["Jet_btag"], strict=True), 3):
        found, pt = added(*(jet for jet, _ in group))
        groups.append((-pt if hardest else abs(found - mass), pt, max(tag for _, tag in group)))
    return [min(groups)[1:]] if groups else []


def trijet_pt(event: Event, mass: float = 172.5, *, hardest: bool = False) -> Iterator[float]:
    """6: the transverse momentum of the trijet with the mass nearest to 172.5 GeV."""
    yield from (pt for pt, _ in _trijet(event, mass, hardest=hardest))


def trijet_tag(event: Event, mass: float = 172.5, *, hardest: bool = False) -> Iterator[float]:
    """6: the largest b-tag in that trijet."""
    yield from (tag for _, tag in _trijet(event, mass, hardest=hardest))


def jet_sum(
    event: Event,
    kinds: tuple[str, ...] = ("Muon", "Electron"),
    distance: float = 0.4,
    min_jet: float = 30,
    min_lepton: float = 10,
) -> Iterator[float]:
    """7: the sum of pt of jets above 30 GeV that are not within 0.4 of a light lepton above 10 GeV."""
    leptons = [
        (eta, phi)
        for kind in kinds
        for pt, eta, phi in zip(event[f"{kind}_pt"], event[f"{kind}_eta"], event[f"{kind}_phi"], strict=True)
        if pt > min_lepton
    ]
    left = [
        pt
        for pt, eta, phi in zip(event["Jet_pt"], event["Jet_eta"], event["Jet_phi"], strict=True)
        if pt > min_jet and all(math.hypot(eta - eta2, angle(phi, phi2)) >= distance for eta2, phi2 in leptons)
    ]
    if left:
        yield math.fsum(left)


@dataclass(frozen=True)
class Lepton:
    """An electron or a muon."""

    kind: str
    pt: float
    phi: float
    charge: int
    momentum: Momentum


def transverse_mass(event: Event, mass: float = 91.2, kinds: tuple[str, ...] = ("Muon", "Electron")) -> Iterator[float]:
    """8: the transverse mass of the missing momentum and the hardest lepton beside the pair nearest to 91.2 GeV."""
    leptons = [
        Lepton(kind, *values)
        for kind in ("Muon", "Electron")
        for values in zip(
            *(event[f"{kind}_{name}"] for name in ("pt", "phi", "charge")), momenta(event, kind), strict=True
        )
    ]
    pairs = [
        (abs(added(one.momentum, two.momentum)[0] - mass), one, two)
        for one, two in combinations(leptons, 2)
        if one.kind == two.kind and one.kind in kinds and one.charge != two.charge
    ]
    if len(leptons) > 2 and pairs:
        _, *best = min(pairs, key=lambda pair: pair[0])
        third = max((lepton for lepton in leptons if lepton not in best), key=lambda lepton: lepton.pt)
        yield math.sqrt(2 * third.pt * event["MET_pt"] * (1 - math.cos(angle(third.phi, event["MET_phi"]))))


@dataclass(frozen=True)
class Figure:
    """What a histogram is filled with, and its axis."""

    values: Callable[..., Iterator[float]]
    bins: int
    low: float
    high: float

    def fill(self, events: list[Event]) -> np.ndarray[Any, Any]:
        """Return the bins, and what lies beyond either end."""
        edges = np.linspace(self.low, self.high, self.bins + 1)
        found = [value for event in events for value in self.values(event)]
        counts: np.ndarray[Any, Any] = np.histogram(found, [-math.inf, *edges, math.inf])[0]
        return counts


FIGURES: Final[Mapping[str, Mapping[str, Figure]]] = {
    "adl_q1": {"met": Figure(missing, 100, 0, 200)},
    "adl_q2": {"jet_pt": Figure(jets, 100, 15, 60)},
    "adl_q3": {"jet_pt": Figure(central, 100, 15, 60)},
    "adl_q4": {"met": Figure(two_jets, 100, 0, 200)},
    "adl_q5": {"met": Figure(near_z, 100, 0, 200)},
    "adl_q6": {"trijet_pt": Figure(trijet_pt, 50, 0, 300), "btag": Figure(trijet_tag, 50, 0, 1)},
    "adl_q7": {"jet_sum": Figure(jet_sum, 100, 0, 400)},
    "adl_q8": {"transverse_mass": Figure(transverse_mass, 50, 0, 200)},
}


def _query(figures: Mapping[str, Figure]) -> Callable[[list[Path], int, int], Bins]:
    def fill(paths: list[Path], start: int, stop: int) -> Bins:
        events = [event for path in paths for event in read(path)][start:stop]
        return {name: figure.fill(events) for name, figure in figures.items()}

    return fill


QUERIES: Final[Mapping[str, Callable[[list[Path], int, int], Bins]]] = {
    name: _query(figures) for name, figures in FIGURES.items()
}
"""Name of the analysis to what fills its histograms, with the settings that the benchmark defines."""
