"""The mass of two muons around 10 GeV: the three lightest upsilons, and what lies below them."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

# Masses of the Particle Data Group, 2024 [GeV].
MARKS = "9.460 = Υ(1S); 10.023 = Υ(2S); 10.355 = Υ(3S)"
# Where pairs are counted: the three peaks, and two places without any, all of the same width [GeV].
CENTERS = {"8.9 GeV": 8.9, "Υ(1S)": 9.460, "Υ(2S)": 10.023, "Υ(3S)": 10.355, "11.0 GeV": 11.0}
HALF_WIDTH = 0.12
TWO = 2


class Params(BaseModel):
    """What can be changed without touching the code."""

    max_eta: float = Field(
        1.2,
        ge=0.4,
        le=2.4,
        title="Largest |pseudorapidity|",
        description="For both muons: 0 is at right angles to the beam; the muon chambers end at 2.4",
        json_schema_extra={"x-unit": "", "x-step": 0.1},
    )
    min_pt: float = Field(
        3,
        ge=3,
        le=20,
        title="Lowest muon momentum",
        description="Transverse momentum (across the beam) that both muons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.5},
    )
    charge: Literal["opposite", "same"] = Field(
        "opposite", title="Charges", description="Whether the two muons have opposite charges or the same"
    )
    bins: int = Field(
        60,
        ge=20,
        le=300,
        title="Bins",
        description="How many bins the mass axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def four_vector(muon: ak.Array) -> ak.Array:
    """Return the energy and momentum of each muon, in a form that can be added."""
    # The file keeps 7 digits. A mass is the difference of two large numbers, so compute with 16.
    parts = {name: ak.values_astype(muon[name], np.float64) for name in ("pt", "eta", "phi", "mass")}
    return vector.zip(parts)


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of each pair of muons, and count the pairs at the three peaks and beside them."""
    # With exactly two muons there is no doubt which belong together.
    pairs = events.Muon[ak.num(events.Muon) == TWO]
    first, second = pairs[:, 0], pairs[:, 1]

    # A charge is +1 or -1, so opposite charges add up to 0.
    opposite = first.charge + second.charge == 0
    kept = opposite if params.charge == "opposite" else ~opposite
    kept = kept & (first.pt >= params.min_pt) & (second.pt >= params.min_pt)
    kept = kept & (abs(first.eta) <= params.max_eta) & (abs(second.eta) <= params.max_eta)

    mass = (four_vector(first[kept]) + four_vector(second[kept])).mass

    axis = hist.axis.Regular(params.bins, 8.5, 11.5, name="mass", label="Dimuon mass [GeV]")
    axis.marks = MARKS
    upsilon_mass = hist.Hist(axis, name="upsilon_mass", label="Muon pairs / bin")
    upsilon_mass.fill(mass)

    counted = hist.Hist(
        hist.axis.StrCategory(list(CENTERS), name="where", label="Around"),
        name="counted",
        label=f"Muon pairs within {HALF_WIDTH} GeV",
    )
    counted[...] = [ak.sum(abs(mass - center) <= HALF_WIDTH) for center in CENTERS.values()]

    return {"upsilon_mass": upsilon_mass, "counted": counted}
