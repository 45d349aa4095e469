"""The mass of four leptons, in the collisions in which CMS looked for the Higgs boson."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field

# The data's numbers for kinds of particles: 11 is an electron, 13 a muon. Four of them add up to this.
CHANNELS = {"4 electrons": 44, "2 electrons and 2 muons": 48, "4 muons": 52}
LEPTONS = (1, 2, 3, 4)
# The ways to make two pairs of four leptons. The partner of a pair is the one beside it: 0 and 1, 2 and 3, 4 and 5.
PAIRS = ((1, 2), (3, 4), (1, 3), (2, 4), (1, 4), (2, 3))
Z_MASS = 91.19  # [GeV], Particle Data Group
# What figures write at a mass [GeV].
MARKS = "91.19 = Z; 125.2 = H"


class Params(BaseModel):
    """What can be changed without touching the code."""

    channel: Literal["all", "4 electrons", "2 electrons and 2 muons", "4 muons"] = Field(
        "all", title="Leptons", description="Which kinds of leptons the four are"
    )
    mass_low: float = Field(
        70,
        ge=50,
        le=110,
        title="Lowest mass",
        description="Where the axis of the four-lepton mass begins",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    mass_high: float = Field(
        181,
        ge=140,
        le=800,
        title="Highest mass",
        description="Where the axis of the four-lepton mass ends",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    bins: int = Field(
        37,
        ge=10,
        le=200,
        title="Bins",
        description="How many bins the axis of the four-lepton mass has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )
    min_pt: float = Field(
        5,
        ge=5,
        le=30,
        title="Lowest lepton momentum",
        description="Transverse momentum (across the beam) that all four leptons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.5},
    )
    min_z2: float = Field(
        12,
        ge=12,
        le=80,
        title="Lowest mass of the second pair",
        description="The second pair is what remains when the pair nearest to the Z boson is taken out",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )


def mass(events: ak.Array, leptons: tuple[int, ...]) -> np.ndarray:
    """Return the mass [GeV] of some of the leptons together: M^2 = E^2 - p^2."""
    energy, px, py, pz = (sum(events[f"{part}{i}"] for i in leptons) for part in ("E", "px", "py", "pz"))
    return np.sqrt(np.maximum(ak.to_numpy(energy**2 - px**2 - py**2 - pz**2), 0))


def z_masses(events: ak.Array) -> tuple[np.ndarray, np.ndarray]:
    """Return the mass of the pair that is most like a Z boson, and that of the other pair [GeV]."""
    masses = np.stack([mass(events, pair) for pair in PAIRS], axis=1)
    # A Z boson decays to a particle and its antiparticle: 11 and -11, or 13 and -13.
    possible = np.stack([ak.to_numpy(events[f"PID{i}"] == -events[f"PID{j}"]) for i, j in PAIRS], axis=1)
    best = np.argmin(np.where(possible, abs(masses - Z_MASS), np.inf), axis=1)
    row = np.arange(len(best))
    return masses[row, best], masses[row, best ^ 1]


def book(name: str, label: str, bins: int, low: float, high: float) -> hist.Hist:
    """Return an empty histogram of a mass."""
    axis = hist.axis.Regular(bins, low, high, name="mass", label=f"{label} [GeV]")
    axis.marks = MARKS
    return hist.Hist(axis, name=name, label="Events / bin")


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of the four leptons, and the masses of the two pairs."""
    # Which events to keep: the softest lepton has to pass, and the kinds have to be those asked for.
    z1, z2 = z_masses(events)
    kept = z2 >= params.min_z2
    for i in LEPTONS:
        kept = kept & (events[f"pt{i}"] >= params.min_pt)
    if params.channel != "all":
        kept = kept & (sum(abs(events[f"PID{i}"]) for i in LEPTONS) == CHANNELS[params.channel])

    # Masses beyond the ends of an axis are not lost: the histogram counts them below and above it.
    four = book("four_lepton_mass", "Mass of the four leptons", params.bins, params.mass_low, params.mass_high)
    four.fill(mass(events, LEPTONS)[kept])

    first = book("first_pair_mass", "Mass of the pair nearest to the Z", 55, 10, 120)
    first.fill(z1[kept])
    second = book("second_pair_mass", "Mass of the other pair", 55, 10, 120)
    second.fill(z2[kept])

    return {"four_lepton_mass": four, "first_pair_mass": first, "second_pair_mass": second}
