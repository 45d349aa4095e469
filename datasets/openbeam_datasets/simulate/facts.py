"""What the toy of CERN Open Data record 12341 is drawn from, as tables.

Counts and quantiles were taken from the first 100,000 events of the record (doi:10.7483/OPENDATA.CMS.LVG5.QT81);
masses and widths are those of the Particle Data Group, Phys. Rev. D 110 (2024) 030001,
doi:10.1103/PhysRevD.110.030001. Momenta, energies and masses are in GeV.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = [
    "CONTINUUM",
    "LEAST_PT",
    "LONE_PT",
    "MOST_ETA",
    "MULTIPLICITY",
    "MUON_MASS",
    "MUON_RAPIDITY",
    "PAIR_PT",
    "PAIR_RAPIDITY",
    "POSITIVE",
    "QUANTILES",
    "RESONANCES",
    "SOFT_PT",
    "Part",
    "Resonance",
]

MUON_MASS: Final = 0.1056583755

MULTIPLICITY: Final = (3210, 13447, 48976, 21726, 8021, 2752, 1066, 414, 198, 80, 56, 22, 11, 5, 8, 4, 1, 0, 1)
"""Events with 0, 1, 2 … muons; two events with 23 and 39 of them are left out."""

POSITIVE: Final = 119_075 / 235_286
"""Share of the muons with positive charge: two protons have it to give."""

LEAST_PT: Final = 3.0
"""The least transverse momentum of a muon in the record."""
MOST_ETA: Final = 2.4
"""Where the muon chambers end, in pseudorapidity; one muon in a hundred of the record is beyond."""


class Resonance(NamedTuple):
    """A particle that decays to two muons."""

    name: str
    mass: float
    width: float
    pairs: int
    """Opposite-charge pairs over the continuum, of the 48,976 events with two muons."""


RESONANCES: Final = (
    Resonance("rho(770)", 0.77526, 0.1474, 60),
    Resonance("omega(782)", 0.78266, 0.00868, 90),
    Resonance("phi(1020)", 1.019461, 0.004249, 99),
    Resonance("J/psi", 3.096900, 0.0000926, 3050),
    Resonance("psi(2S)", 3.686097, 0.000293, 165),
    Resonance("Upsilon(1S)", 9.46040, 0.00005402, 370),
    Resonance("Upsilon(2S)", 10.0234, 0.00003198, 160),
    Resonance("Upsilon(3S)", 10.3551, 0.00002032, 129),
    Resonance("Z", 91.1880, 2.4955, 6830),
)


class Part(NamedTuple):
    """Pairs of the continuum, from one mass to another, without those of the resonances."""

    low: float
    high: float
    opposite: int
    same: int


CONTINUUM: Final = (
    Part(0.2114, 0.3, 401, 334),
    Part(0.3, 0.5, 670, 198),
    Part(0.5, 0.7, 548, 169),
    Part(0.7, 0.9, 499, 171),
    Part(0.9, 1.3, 1184, 282),
    Part(1.3, 2.0, 2176, 644),
    Part(2.0, 2.5, 1301, 643),
    Part(2.5, 2.9, 867, 410),
    Part(2.9, 3.3, 578, 260),
    Part(3.3, 4.5, 676, 413),
    Part(4.5, 6, 591, 308),
    Part(6, 8, 764, 313),
    Part(8, 9, 307, 138),
    Part(9, 11, 597, 284),
    Part(11, 13, 505, 322),
    Part(13, 16, 789, 454),
    Part(16, 20, 991, 598),
    Part(20, 25, 2231, 1076),
    Part(25, 30, 2674, 1241),
    Part(30, 40, 3469, 1654),
    Part(40, 60, 2709, 1251),
    Part(60, 80, 957, 373),
    Part(80, 105, 460, 146),
    Part(105, 120, 120, 33),
    Part(120, 200, 138, 57),
    Part(200, 300, 17, 13),
    Part(300, 1000, 15, 8),
)

QUANTILES: Final = (0.0, 0.05, 0.10, 0.25, 0.50, 0.75, 0.90, 0.95, 0.995)
"""Shares of the pairs, or of the muons, that are below the values in the tables that follow."""

PAIR_PT: Final = (
    (5.0, (4.1, 11, 15, 23, 27.5, 34.5, 43.2, 51, 89)),
    (8.0, (0.4, 3.9, 6.8, 12.7, 23.9, 32.9, 45.1, 55.5, 136)),
    (11.0, (0.1, 4.9, 7.3, 14.2, 23.7, 30.1, 38.6, 48.3, 104)),
    (20.0, (0.3, 3.6, 5.3, 8.7, 14.7, 23.2, 31.9, 40.6, 87)),
    (60.0, (0.1, 2.6, 3.7, 6.1, 10.1, 16.6, 25.6, 33.7, 76)),
    (1000.0, (0.1, 2.2, 3.3, 6.3, 12.2, 24.2, 44.3, 61.7, 141)),
)
"""Highest mass of the pairs, and quantiles of their transverse momentum."""

PAIR_RAPIDITY: Final = (0, 0.07, 0.15, 0.38, 0.78, 1.28, 1.70, 1.91, 2.28)
"""Quantiles of the rapidity of a pair, without its sign."""
MUON_RAPIDITY: Final = (0, 0.11, 0.23, 0.58, 1.15, 1.79, 2.18, 2.30, 2.44)
"""Quantiles of the pseudorapidity of a muon that belongs to no pair, without its sign."""
LONE_PT: Final = (3.0, 3.31, 3.62, 6.20, 10.29, 16.74, 24.39, 33.01, 131)
"""Quantiles of the transverse momentum of a muon that is the only one."""
SOFT_PT: Final = (3.0, 3.23, 3.42, 4.19, 6.28, 10.60, 18.18, 27.30, 135)
"""The same, for the third muon of an event and all that follow."""
