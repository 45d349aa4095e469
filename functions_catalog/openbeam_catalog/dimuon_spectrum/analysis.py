"""The mass of two muons from 0.25 to 300 GeV: particles from the rho to the Z in one figure."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

# Parts of the spectrum: lowest and highest mass [GeV].
WINDOWS = {
    "all": (0.25, 300),
    "rho, omega, phi": (0.4, 1.4),
    "J/psi": (2.8, 3.4),
    "psi(2S)": (3.5, 3.85),
    "Upsilon": (8.5, 11.5),
    "Z": (60, 120),
}
TWO = 2
# What figures write at a mass [GeV]: the particles that decay to two muons (masses of the Particle Data Group, 2024).
MARKS = "0.78 = ρ, ω; 1.019 = φ; 3.097 = J/ψ; 3.686 = ψ(2S); 9.460 = Υ; 91.19 = Z"


class Params(BaseModel):
    """What can be changed without touching the code."""

    window: Literal["all", "rho, omega, phi", "J/psi", "psi(2S)", "Upsilon", "Z"] = Field(
        "all", title="Part of the spectrum", description="Where the mass axis begins and ends"
    )
    bins: int = Field(
        300,
        ge=20,
        le=1000,
        title="Bins",
        description="How many bins the mass axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )
    charge: Literal["opposite", "same", "both"] = Field(
        "opposite", title="Charges", description="Whether the two muons have opposite charges, the same, or either"
    )
    min_pt: float = Field(
        0,
        ge=0,
        le=50,
        title="Lowest muon momentum",
        description="Transverse momentum (across the beam) that both muons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.5},
    )
    max_eta: float = Field(
        10,
        ge=0.5,
        le=10,
        title="Largest |pseudorapidity|",
        description="For both muons: 0 is at right angles to the beam; the muon chambers end at 2.4; 10 keeps all",
        json_schema_extra={"x-unit": "", "x-step": 0.1},
    )


def four_vector(muon: ak.Array) -> ak.Array:
    """Return the energy and momentum of each muon, in a form that can be added."""
    # The file keeps 7 digits. A small mass is the difference of two large numbers, so compute with 16.
    parts = {name: ak.values_astype(muon[name], np.float64) for name in ("pt", "eta", "phi", "mass")}
    return vector.zip(parts)


def book_mass(params: Params) -> hist.Hist:
    """Return the empty mass histogram: equal ratios from bin to bin for the whole spectrum, equal widths for a part."""
    low, high = WINDOWS[params.window]
    if params.window == "all":
        axis = hist.axis.Variable(np.geomspace(low, high, params.bins + 1), name="mass", label="Dimuon mass [GeV]")
        axis.scale = "log"
    else:
        axis = hist.axis.Regular(params.bins, low, high, name="mass", label="Dimuon mass [GeV]")
    axis.marks = MARKS
    return hist.Hist(axis, name="dimuon_mass", label="Events / bin")


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of each pair of muons, and count the events that each step leaves."""
    # With exactly two muons there is no doubt which belong together.
    pairs = events.Muon[ak.num(events.Muon) == TWO]
    first, second = pairs[:, 0], pairs[:, 1]

    # A charge is +1 or -1, so opposite charges add up to 0.
    opposite = first.charge + second.charge == 0
    wanted = {"opposite": opposite, "same": ~opposite, "both": opposite | ~opposite}[params.charge]

    # Which pairs to keep: both muons have to pass.
    kept = wanted & (first.pt >= params.min_pt) & (second.pt >= params.min_pt)
    kept = kept & (abs(first.eta) <= params.max_eta) & (abs(second.eta) <= params.max_eta)

    # Energy and momentum are conserved: together the two muons have what their parent had, and with it its mass.
    parent = four_vector(first[kept]) + four_vector(second[kept])

    # Masses beyond the ends of the axis are not lost: the histogram counts them below and above it.
    dimuon_mass = book_mass(params)
    dimuon_mass.fill(parent.mass)

    left = {
        "all": len(events),
        "two muons": len(pairs),
        "opposite charge": ak.sum(opposite),
        "kept": ak.sum(kept),
    }
    cutflow = hist.Hist(
        hist.axis.StrCategory(list(left), name="step", label="Events left after each step"),
        name="cutflow",
        label="Events",
    )
    cutflow[...] = list(left.values())

    return {"dimuon_mass": dimuon_mass, "cutflow": cutflow}
