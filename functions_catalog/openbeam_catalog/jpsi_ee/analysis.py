"""The mass of two electrons around 3.1 GeV."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field

# Masses of the Particle Data Group, 2024 [GeV].
MARKS = "3.097 = J/ψ; 3.686 = ψ(2S)"


class Params(BaseModel):
    """What can be changed without touching the code."""

    charge: Literal["opposite", "same", "both"] = Field(
        "opposite", title="Charges", description="Whether the two electrons have opposite charges, the same, or either"
    )
    min_pt: float = Field(
        3,
        ge=3,
        le=20,
        title="Lowest electron momentum",
        description="Transverse momentum (across the beam) that both electrons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.5},
    )
    scale: float = Field(
        0,
        ge=-10,
        le=10,
        title="Energy correction",
        description="By how much the measured energies are raised, to make up for what is lost on the way",
        json_schema_extra={"x-unit": "%", "x-step": 0.1},
    )
    mass_low: float = Field(
        2.2,
        ge=2,
        le=2.8,
        title="Lowest mass",
        description="Where the mass axis begins",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.05},
    )
    mass_high: float = Field(
        4.0,
        ge=3.4,
        le=5,
        title="Highest mass",
        description="Where the mass axis ends",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.1},
    )
    bins: int = Field(
        45,
        ge=10,
        le=150,
        title="Bins",
        description="How many bins the mass axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of each pair, and the transverse momenta of both its electrons."""
    # Energy and momentum are conserved: together the two electrons have what their parent had.
    energy = events.E1 + events.E2
    px = events.px1 + events.px2
    py = events.py1 + events.py2
    pz = events.pz1 + events.pz2

    # Mass is what remains of the energy when the motion is taken out: M^2 = E^2 - p^2 (all in GeV, with c = 1).
    mass = np.sqrt(energy**2 - px**2 - py**2 - pz**2)

    # Twice the energies and momenta are twice the mass, so a correction of all of them corrects the mass alike.
    mass = mass * (1 + params.scale / 100)

    # A charge is +1 or -1, so opposite charges add up to 0.
    opposite = events.Q1 + events.Q2 == 0
    kept = {"opposite": opposite, "same": ~opposite, "both": opposite | ~opposite}[params.charge]
    kept = kept & (events.pt1 >= params.min_pt) & (events.pt2 >= params.min_pt)

    # Masses beyond the ends of the axis are not lost: the histogram counts them below and above it.
    axis = hist.axis.Regular(params.bins, params.mass_low, params.mass_high, name="mass", label="Dielectron mass [GeV]")
    axis.marks = MARKS
    dielectron_mass = hist.Hist(axis, name="dielectron_mass", label="Electron pairs / bin")
    dielectron_mass.fill(mass[kept])

    electron_pt = hist.Hist(
        hist.axis.Regular(50, 0, 50, name="pt", label="Electron transverse momentum [GeV]"),
        name="electron_pt",
        label="Electrons / bin",
    )
    electron_pt.fill(events.pt1[kept])
    electron_pt.fill(events.pt2[kept])

    return {"dielectron_mass": dielectron_mass, "electron_pt": electron_pt}
