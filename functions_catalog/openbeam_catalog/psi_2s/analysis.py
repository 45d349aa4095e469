"""The mass of two muons from the J/psi to the psi(2S), its excited state."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

# Masses of the Particle Data Group, 2024 [GeV].
MARKS = "3.097 = J/ψ; 3.686 = ψ(2S)"
# Parts of the spectrum: lowest and highest mass [GeV].
WINDOWS = {"psi(2S)": (3.4, 4.0), "J/psi and psi(2S)": (2.7, 4.1)}
# Where pairs are counted: the two peaks, and halfway before, between and behind them, all of the same width [GeV].
CENTERS = {"2.802 GeV": 2.802, "J/ψ": 3.097, "3.392 GeV": 3.392, "ψ(2S)": 3.686, "3.980 GeV": 3.980}
HALF_WIDTH = 0.1
TWO = 2


class Params(BaseModel):
    """What can be changed without touching the code."""

    window: Literal["psi(2S)", "J/psi and psi(2S)"] = Field(
        "psi(2S)", title="Part of the spectrum", description="Where the mass axis begins and ends"
    )
    min_pair_pt: float = Field(
        0,
        ge=0,
        le=50,
        title="Lowest momentum of the pair",
        description="Transverse momentum (across the beam) that the two muons must have together",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    max_eta: float = Field(
        2.4,
        ge=0.4,
        le=2.4,
        title="Largest |pseudorapidity|",
        description="For both muons: 0 is at right angles to the beam; the muon chambers end at 2.4",
        json_schema_extra={"x-unit": "", "x-step": 0.1},
    )
    bins: int = Field(
        40,
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
    """Fill the mass of each pair of opposite charges, and count the pairs at the two peaks and around them."""
    # With exactly two muons there is no doubt which belong together.
    pairs = events.Muon[ak.num(events.Muon) == TWO]
    first, second = pairs[:, 0], pairs[:, 1]
    kept = first.charge + second.charge == 0
    kept = kept & (abs(first.eta) <= params.max_eta) & (abs(second.eta) <= params.max_eta)

    # Together the two muons have the energy and the momentum that their parent had, and with them its mass.
    parent = four_vector(first[kept]) + four_vector(second[kept])
    mass = parent.mass[parent.pt >= params.min_pair_pt]

    axis = hist.axis.Regular(params.bins, *WINDOWS[params.window], name="mass", label="Dimuon mass [GeV]")
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
