"""What the second implementations share: reading events, adding momenta, counting in bins."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import uproot

__all__ = ["Bins", "Event", "Four", "apart", "columns", "counted", "four", "invariant", "named", "read"]

Bins = dict[str, np.ndarray[Any, Any]]
Event = Mapping[str, Any]
Four = tuple[float, float, float, float]
"""px, py, pz, E."""


def read(paths: Sequence[Path], branches: Iterable[str], start: int, stop: int) -> list[Event]:
    """Return events ``start`` to ``stop`` of the files, one after the other, as plain Python numbers and lists.

    A file has one tree.
    """
    names, rows = list(branches), list[Event]()
    for path in paths:
        with uproot.open(path) as file:
            (tree,) = set(file.keys(cycle=False))
            rows += file[tree].arrays(names, entry_stop=max(stop - len(rows), 0)).to_list()
    return rows[start:stop]


def columns(path: Path) -> set[str]:
    """Return the names of the branches of a file's only tree."""
    with uproot.open(path) as file:
        (tree,) = set(file.keys(cycle=False))
        return set(file[tree].keys())


def four(pt: float, eta: float, phi: float, mass: float = 0.0, energy: float | None = None) -> Four:
    """Return the momentum of a particle, with its energy, or that which its mass gives."""
    px, py, pz = pt * math.cos(phi), pt * math.sin(phi), pt * math.sinh(eta)
    return px, py, pz, math.sqrt(px**2 + py**2 + pz**2 + mass**2) if energy is None else energy


def invariant(*momenta: Four) -> float:
    """Return the mass of some momenta together."""
    px, py, pz, energy = (sum(parts) for parts in zip(*momenta, strict=True))
    return math.sqrt(max(energy**2 - px**2 - py**2 - pz**2, 0))


def apart(eta: float, phi: float, other_eta: float, other_phi: float) -> float:
    """Return the distance of two directions, the shorter way round."""
    turn = abs(phi - other_phi) % (2 * math.pi)
    return math.hypot(eta - other_eta, min(turn, 2 * math.pi - turn))


def counted(values: Sequence[float], bins: int, low: float, high: float) -> np.ndarray[Any, Any]:
    """Return how many values are below, in each bin, and above."""
    edges = np.concatenate([[-np.inf], np.linspace(low, high, bins + 1), [np.inf]])
    return np.histogram(np.asarray(values, dtype=float), edges)[0]


def named(counts: Iterable[float]) -> np.ndarray[Any, Any]:
    """Return the counts of named bins, and none beyond them."""
    return np.asarray([*counts, 0])
