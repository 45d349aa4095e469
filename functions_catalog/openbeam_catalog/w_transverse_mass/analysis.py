"""The transverse mass of a lepton and what is missing beside it: the W, although half of its decay is never seen."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field

# Mass of the Particle Data Group, 2024 [GeV].
MARKS = "80.4 = W"


class Params(BaseModel):
    """What can be changed without touching the code."""

    charge: Literal["both", "positive", "negative"] = Field(
        "both", title="Charge", description="The charge of the lepton, and so of the W"
    )
    min_pt: float = Field(
        25,
        ge=25,
        le=50,
        title="Lowest lepton momentum",
        description="Transverse momentum (across the beam) that the electron or muon must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    min_missing: float = Field(
        0,
        ge=0,
        le=50,
        title="Lowest missing momentum",
        description="Momentum across the beam that must be missing, as if a neutrino had taken it away",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    mass_high: float = Field(
        120,
        ge=100,
        le=200,
        title="Highest mass",
        description="Where the axis of the transverse mass ends",
        json_schema_extra={"x-unit": "GeV", "x-step": 10},
    )
    bins: int = Field(
        40,
        ge=10,
        le=120,
        title="Bins",
        description="How many bins each axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the transverse mass, the missing momentum and that of the lepton."""
    # The protons bring no momentum across the beam, so what is seen must balance. What is missing is the neutrino's.
    # Along the beam that cannot be said. So take the mass of what goes across: the transverse mass.
    missing_pt, angle = events.MET, events.phi - events.phiMET
    transverse_mass = np.sqrt(2 * events.pt * missing_pt * (1 - np.cos(angle)))

    kept = (events.pt >= params.min_pt) & (missing_pt >= params.min_missing)
    if params.charge == "positive":
        kept = kept & (events.Q > 0)
    if params.charge == "negative":
        kept = kept & (events.Q < 0)

    axis = hist.axis.Regular(params.bins, 0, params.mass_high, name="mass", label="Transverse mass [GeV]")
    axis.marks = MARKS
    mass = hist.Hist(axis, name="transverse_mass", label="Events / bin")
    mass.fill(transverse_mass[kept])

    missing = hist.Hist(
        hist.axis.Regular(params.bins, 0, 80, name="pt", label="Missing transverse momentum [GeV]"),
        name="missing",
        label="Events / bin",
    )
    missing.fill(missing_pt[kept])

    lepton_pt = hist.Hist(
        hist.axis.Regular(params.bins, 20, 100, name="pt", label="Lepton transverse momentum [GeV]"),
        name="lepton_pt",
        label="Events / bin",
    )
    lepton_pt.fill(events.pt[kept])

    return {"transverse_mass": mass, "missing": missing, "lepton_pt": lepton_pt}
