"""The mass of two electrons around 91 GeV, by where in the calorimeter they end."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field

# Mass of the Particle Data Group, 2024 [GeV].
MARKS = "91.19 = Z"
# The calorimeter is a barrel around the beam, closed by two endcaps; this is where one ends and the others begin.
BARREL_ETA = 1.479
REGIONS = {"both in the barrel": 2, "one in the barrel": 1, "both in endcaps": 0}


class Params(BaseModel):
    """What can be changed without touching the code."""

    region: Literal["all", "both in the barrel", "one in the barrel", "both in endcaps"] = Field(
        "all", title="Where the electrons end", description="In which part of the calorimeter they are stopped"
    )
    charge: Literal["opposite", "same", "both"] = Field(
        "both", title="Charges", description="Whether the two electrons have opposite charges, the same, or either"
    )
    min_pt: float = Field(
        25,
        ge=0,
        le=50,
        title="Lowest electron momentum",
        description="Transverse momentum (across the beam) that both electrons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    mass_low: float = Field(
        60,
        ge=0,
        le=85,
        title="Lowest mass",
        description="Where the mass axis begins",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    mass_high: float = Field(
        120,
        ge=95,
        le=200,
        title="Highest mass",
        description="Where the mass axis ends",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
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
    """Fill the mass of each pair, and count the pairs by the parts of the calorimeter."""
    # An electron is so light that its energy and its momentum are the same (in GeV, with c = 1). Then the mass of a
    # pair follows from the two transverse momenta and the angles between them.
    angles = np.cosh(events.eta1 - events.eta2) - np.cos(events.phi1 - events.phi2)
    mass = np.sqrt(2 * events.pt1 * events.pt2 * angles)

    # A charge is +1 or -1, so opposite charges add up to 0.
    opposite = events.Q1 + events.Q2 == 0
    kept = {"opposite": opposite, "same": ~opposite, "both": opposite | ~opposite}[params.charge]
    kept = kept & (events.pt1 >= params.min_pt) & (events.pt2 >= params.min_pt)

    # How many of the two are in the barrel: True counts as 1.
    in_barrel = ak.values_astype(abs(events.eta1) < BARREL_ETA, int) + (abs(events.eta2) < BARREL_ETA)

    where = hist.Hist(
        hist.axis.StrCategory(list(REGIONS), name="where", label="Where the electrons end"),
        name="where",
        label="Electron pairs",
    )
    where[...] = [ak.sum(kept & (in_barrel == number)) for number in REGIONS.values()]

    if params.region != "all":
        kept = kept & (in_barrel == REGIONS[params.region])

    # Masses beyond the ends of the axis are not lost: the histogram counts them below and above it.
    axis = hist.axis.Regular(params.bins, params.mass_low, params.mass_high, name="mass", label="Dielectron mass [GeV]")
    axis.marks = MARKS
    dielectron_mass = hist.Hist(axis, name="dielectron_mass", label="Electron pairs / bin")
    dielectron_mass.fill(mass[kept])

    return {"dielectron_mass": dielectron_mass, "where": where}
