"""The mass of two muons around 1 GeV: the omega and the phi, the lightest peaks of the spectrum."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

# Masses of the Particle Data Group, 2024 [GeV].
MARKS = "0.783 = ρ, ω; 1.019 = φ"
# Where pairs are counted: the two peaks, and before, between and behind them, all of the same width [GeV].
CENTERS = {"0.66 GeV": 0.66, "ρ, ω": 0.783, "0.90 GeV": 0.90, "φ": 1.019, "1.14 GeV": 1.14}
HALF_WIDTH = 0.03
TWO = 2


class Params(BaseModel):
    """What can be changed without touching the code."""

    charge: Literal["opposite", "same"] = Field(
        "opposite", title="Charges", description="Whether the two muons have opposite charges or the same"
    )
    min_pair_pt: float = Field(
        0,
        ge=0,
        le=50,
        title="Lowest momentum of the pair",
        description="Transverse momentum (across the beam) that the two muons must have together",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    mass_low: float = Field(
        0.5,
        ge=0.2,
        le=0.7,
        title="Lowest mass",
        description="Where the mass axis begins; two muons at rest have 0.211 GeV",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.02},
    )
    mass_high: float = Field(
        1.3,
        ge=1.1,
        le=2.5,
        title="Highest mass",
        description="Where the mass axis ends",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.1},
    )
    bins: int = Field(
        40,
        ge=20,
        le=400,
        title="Bins",
        description="How many bins the mass axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def four_vector(muon: ak.Array) -> ak.Array:
    """Return the energy and momentum of each muon, in a form that can be added."""
    # The file keeps 7 digits. A small mass is the difference of two large numbers, so compute with 16.
    parts = {name: ak.values_astype(muon[name], np.float64) for name in ("pt", "eta", "phi", "mass")}
    return vector.zip(parts)


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of each pair of muons, and count the pairs at the two peaks and around them."""
    # With exactly two muons there is no doubt which belong together.
    pairs = events.Muon[ak.num(events.Muon) == TWO]
    first, second = pairs[:, 0], pairs[:, 1]

    # A charge is +1 or -1, so opposite charges add up to 0.
    opposite = first.charge + second.charge == 0
    kept = opposite if params.charge == "opposite" else ~opposite

    # Together the two muons have the energy and the momentum that their parent had, and with them its mass.
    parent = four_vector(first[kept]) + four_vector(second[kept])
    mass = parent.mass[parent.pt >= params.min_pair_pt]

    axis = hist.axis.Regular(params.bins, params.mass_low, params.mass_high, name="mass", label="Dimuon mass [GeV]")
    axis.marks = MARKS
    dimuon_mass = hist.Hist(axis, name="dimuon_mass", label="Muon pairs / bin")
    dimuon_mass.fill(mass)

    counted = hist.Hist(
        hist.axis.StrCategory(list(CENTERS), name="where", label="Around"),
        name="counted",
        label=f"Muon pairs within {HALF_WIDTH} GeV",
    )
    counted[...] = [ak.sum(abs(mass - center) <= HALF_WIDTH) for center in CENTERS.values()]

    return {"dimuon_mass": dimuon_mass, "counted": counted}
