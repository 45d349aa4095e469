"""Events of the toy: how many muons, which pair of them comes from where, and what the detector makes of it."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from openbeam_datasets.simulate import facts

__all__ = ["BLOCK", "draw_block"]

BLOCK: Final = 82_200
"""Events that are drawn together; each block has a random sequence of its own."""

Floats = NDArray[np.float64]
Muons = dict[str, NDArray[Any]]

_RESONANT: Final = len(facts.RESONANCES)
_OPPOSITE: Final = [part.opposite for part in facts.CONTINUUM]
_SAME: Final = [part.same for part in facts.CONTINUUM]
_COUNTS: Final = np.array([*(one.pairs for one in facts.RESONANCES), sum(_OPPOSITE), sum(_SAME)], dtype=float)
_ORIGINS: Final = np.cumsum(_COUNTS) / _COUNTS.sum()
"""Where a pair comes from: the resonances, then the continuum with opposite charges, then that with the same."""
_FINE: Final = 4_000
"""Steps in which the continuum is drawn."""
_MULTIPLICITIES: Final = np.cumsum(facts.MULTIPLICITY) / np.sum(facts.MULTIPLICITY)
# How many widths a mass may be off: beyond, the line shape is that of what makes the particle, not its own.
_FARTHEST: Final = 8.0
# Momentum resolution: one per cent at right angles to the beam, and more where tracks are short. With it, the peaks
# are as wide as in the record: 35 MeV at the J/psi.
_RESOLUTION: Final = 0.010
_RESOLUTION_FORWARD: Final = 0.0035
_MOST_ROUNDS: Final = 200


def _continuum(pairs: list[int]) -> tuple[Floats, Floats]:
    """Return the integral (0 to 1) of a smooth curve through the table, and the logarithms of the masses there."""
    edges = np.log([[part.low, part.high] for part in facts.CONTINUUM])
    places = np.linspace(edges[0, 0], edges[-1, 1], _FINE)
    density = np.interp(places, edges.mean(axis=1), np.log(np.array(pairs) / np.diff(edges).ravel()))
    integral = np.cumsum(np.exp(density))
    return (integral - integral[0]) / (integral[-1] - integral[0]), places


_CONTINUA: Final = (_continuum(_OPPOSITE), _continuum(_SAME))


def draw_block(seed: int, block: int) -> tuple[NDArray[np.int64], Muons]:
    """Return the number of muons of each event of a block, and the muons of all of them, columns by name.

    Columns are ``pt`` and ``mass`` [GeV], ``eta``, ``phi`` [rad] and ``charge`` [e], one value a muon. The same seed
    and block give the same events.
    """
    rng = np.random.default_rng([seed, block])
    counts = np.searchsorted(_MULTIPLICITIES, rng.random(BLOCK), side="right")
    starts = np.cumsum(counts) - counts
    muons = _singles(rng, counts)
    pairs = starts[counts > 1]
    for name, (first, second) in _pairs(rng, len(pairs)).items():
        muons[name][pairs], muons[name][pairs + 1] = first, second
    muons["mass"] = np.full(len(muons["pt"]), facts.MUON_MASS, dtype=np.float32)
    return counts, muons


def _singles(rng: np.random.Generator, counts: NDArray[np.int64]) -> Muons:
    """Return as many muons as there are, each on its own; those of a pair are put in their place later."""
    total = int(counts.sum())
    alone = np.repeat(counts == 1, counts)
    chance = rng.random(total)
    pt = np.where(alone, _quantile(chance, facts.LONE_PT), _quantile(chance, facts.SOFT_PT))
    eta = np.copysign(_quantile(rng.random(total), facts.MUON_RAPIDITY), rng.random(total) - 0.5)
    return {
        "pt": pt.astype(np.float32),
        "eta": eta.astype(np.float32),
        "phi": rng.uniform(-np.pi, np.pi, total).astype(np.float32),
        "charge": _charge(rng, total),
    }


def _charge(rng: np.random.Generator, size: int) -> NDArray[np.int32]:
    return np.where(rng.random(size) < facts.POSITIVE, 1, -1).astype(np.int32)


def _quantile(chance: Floats, table: tuple[float, ...]) -> Floats:
    found: Floats = np.interp(chance * facts.QUANTILES[-1], facts.QUANTILES, table)
    return found


# ------------------------------------------------------------------------------------------------ pairs
def _pairs(rng: np.random.Generator, size: int) -> dict[str, tuple[NDArray[Any], NDArray[Any]]]:
    """Return pairs of muons: the columns of the first of each, and of the second."""
    origin = np.searchsorted(_ORIGINS, rng.random(size), side="right")
    mass = _masses(rng, origin)
    first, second = _decays(rng, mass)
    charge = _charge(rng, size)
    same = origin > _RESONANT
    columns = {name: (first[name].astype(np.float32), second[name].astype(np.float32)) for name in first}
    return {**columns, "charge": (charge, np.where(same, charge, -charge))}


def _masses(rng: np.random.Generator, origin: NDArray[np.int64]) -> Floats:
    mass = np.empty(len(origin))
    resonant = origin < _RESONANT
    peaks = np.array([(one.mass, one.width) for one in facts.RESONANCES])
    place, width = peaks[origin[resonant]].T
    # A Breit-Wigner peak by the inverse of its integral, cut off below what two muons weigh.
    reach = np.minimum(_FARTHEST, 0.99 * (place - 2 * facts.MUON_MASS) / width)
    mass[resonant] = place + width / 2 * np.tan(rng.uniform(-1, 1, len(place)) * np.arctan(2 * reach))
    for number, (chances, logarithms) in enumerate(_CONTINUA, start=_RESONANT):
        mine = origin == number
        mass[mine] = np.exp(np.interp(rng.random(int(mine.sum())), chances, logarithms))
    return mass


def _decays(rng: np.random.Generator, mass: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return two muons for each mass, drawn again until the detector sees both."""
    names = ("pt", "eta", "phi")
    first = {name: np.empty(len(mass)) for name in names}
    second = {name: np.empty(len(mass)) for name in names}
    unseen = np.arange(len(mass))
    for _ in range(_MOST_ROUNDS):
        both = _decay(rng, mass[unseen])
        for kept, drawn in zip((first, second), both, strict=True):
            for name in names:
                kept[name][unseen] = drawn[name]
        unseen = unseen[~(_is_seen(both[0]) & _is_seen(both[1]))]
        if not len(unseen):
            break
    return first, second


def _is_seen(muon: dict[str, Floats]) -> NDArray[np.bool_]:
    seen: NDArray[np.bool_] = (muon["pt"] >= facts.LEAST_PT) & (np.abs(muon["eta"]) < facts.MOST_ETA)
    return seen


def _decay(rng: np.random.Generator, mass: Floats) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Let a particle of each mass fly as the table says and decay to two muons, alike in all directions."""
    size = len(mass)
    pt = _pair_pt(rng, mass)
    rapidity = np.copysign(_quantile(rng.random(size), facts.PAIR_RAPIDITY), rng.random(size) - 0.5)
    direction = rng.uniform(-np.pi, np.pi, size)
    cosine, azimuth = rng.uniform(-1, 1, size), rng.uniform(-np.pi, np.pi, size)
    momentum = np.sqrt(np.maximum(mass**2 / 4 - facts.MUON_MASS**2, 0))
    across = momentum * np.sqrt(1 - cosine**2)
    x, y, z = across * np.cos(azimuth), across * np.sin(azimuth), momentum * cosine
    # From the particle's own frame first across the beam, then along it.
    slow = np.sqrt(1 + (pt / mass) ** 2), pt / mass, np.cosh(rapidity), np.sinh(rapidity)
    return (
        _measured(rng, _boosted((x, y, z), mass / 2, slow), direction),
        _measured(rng, _boosted((-x, -y, -z), mass / 2, slow), direction),
    )


def _pair_pt(rng: np.random.Generator, mass: Floats) -> Floats:
    chance = rng.random(len(mass))
    rows = np.searchsorted([highest for highest, _ in facts.PAIR_PT[:-1]], mass)
    pt = np.empty(len(mass))
    for row, (_, table) in enumerate(facts.PAIR_PT):
        pt[rows == row] = _quantile(chance[rows == row], table)
    return pt


def _boosted(
    momentum: tuple[Floats, Floats, Floats], energy: Floats, frame: tuple[Floats, Floats, Floats, Floats]
) -> tuple[Floats, Floats, Floats]:
    x, y, z = momentum
    gamma, gamma_beta, cosh, sinh = frame
    moved = gamma * energy + gamma_beta * x
    return gamma * x + gamma_beta * energy, y, cosh * z + sinh * moved


def _measured(
    rng: np.random.Generator, momentum: tuple[Floats, Floats, Floats], direction: Floats
) -> dict[str, Floats]:
    x, y, z = momentum
    pt = np.hypot(x, y)
    eta = np.arcsinh(z / pt)
    phi = np.remainder(np.arctan2(y, x) + direction + np.pi, 2 * np.pi) - np.pi
    resolution = _RESOLUTION + _RESOLUTION_FORWARD * eta**2
    return {"pt": pt * np.maximum(1 + resolution * rng.standard_normal(len(pt)), 0.01), "eta": eta, "phi": phi}
