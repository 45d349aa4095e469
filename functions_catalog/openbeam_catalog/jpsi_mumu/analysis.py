"""The mass of two muons around 3.1 GeV, everywhere in the detector or in a part of it."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field

# Masses of the Particle Data Group, 2024 [GeV].
MARKS = "3.097 = J/ψ; 3.686 = ψ(2S)"
# Parts of the detector: least and greatest |pseudorapidity| of both muons.
PARTS = {"everywhere": (0, 10), "middle": (0, 0.8), "near the beam": (1.4, 10)}


class Params(BaseModel):
    """What can be changed without touching the code."""

    part: Literal["everywhere", "middle", "near the beam"] = Field(
        "everywhere",
        title="Part of the detector",
        description="Where both muons fly: middle is |pseudorapidity| up to 0.8, near the beam is 1.4 or more",
    )
    min_pt: float = Field(
        0,
        ge=0,
        le=20,
        title="Lowest muon momentum",
        description="Transverse momentum (across the beam) that both muons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.5},
    )
    mass_low: float = Field(
        2.8,
        ge=2,
        le=3,
        title="Lowest mass",
        description="Where the mass axis begins",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.1},
    )
    mass_high: float = Field(
        3.4,
        ge=3.2,
        le=5,
        title="Highest mass",
        description="Where the mass axis ends",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.1},
    )
    bins: int = Field(
        60,
        ge=10,
        le=200,
        title="Bins",
        description="How many bins the mass axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass and the transverse momentum of each pair."""
    # Energy and momentum are conserved: together the two muons have what their parent had.
    energy = events.E1 + events.E2
    px = events.px1 + events.px2
    py = events.py1 + events.py2
    pz = events.pz1 + events.pz2

    # Mass is what remains of the energy when the motion is taken out: M^2 = E^2 - p^2 (all in GeV, with c = 1).
    mass = np.sqrt(energy**2 - px**2 - py**2 - pz**2)

    # A J/psi is neutral: its muons have opposite charges, and +1 and -1 add up to 0.
    kept = events.Q1 + events.Q2 == 0
    kept = kept & (events.pt1 >= params.min_pt) & (events.pt2 >= params.min_pt)
    least, greatest = PARTS[params.part]
    for eta in (events.eta1, events.eta2):
        kept = kept & (abs(eta) >= least) & (abs(eta) <= greatest)

    # Masses beyond the ends of the axis are not lost: the histogram counts them below and above it.
    axis = hist.axis.Regular(params.bins, params.mass_low, params.mass_high, name="mass", label="Dimuon mass [GeV]")
    axis.marks = MARKS
    dimuon_mass = hist.Hist(axis, name="dimuon_mass", label="Muon pairs / bin")
    dimuon_mass.fill(mass[kept])

    pair_pt = hist.Hist(
        hist.axis.Regular(60, 0, 60, name="pt", label="Transverse momentum of the pair [GeV]"),
        name="pair_pt",
        label="Muon pairs / bin",
    )
    pair_pt.fill(np.hypot(px, py)[kept])

    return {"dimuon_mass": dimuon_mass, "pair_pt": pair_pt}
