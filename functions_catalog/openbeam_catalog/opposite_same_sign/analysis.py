"""The mass of two muons of opposite charges, and the same with two of the same charge."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field

# Parts of the spectrum: lowest and highest mass [GeV].
WINDOWS = {"all": (2, 110), "J/psi": (2.6, 3.6), "Upsilon": (8.5, 11.5), "Z": (60, 110)}
# Masses of the Particle Data Group, 2024 [GeV].
MARKS = "3.097 = J/ψ; 9.460 = Υ; 91.19 = Z"


class Params(BaseModel):
    """What can be changed without touching the code."""

    window: Literal["all", "J/psi", "Upsilon", "Z"] = Field(
        "all", title="Part of the spectrum", description="Where the mass axes begin and end"
    )
    min_pt: float = Field(
        0,
        ge=0,
        le=30,
        title="Lowest muon momentum",
        description="Transverse momentum (across the beam) that both muons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.5},
    )
    max_eta: float = Field(
        3,
        ge=0.5,
        le=3,
        title="Largest |pseudorapidity|",
        description="For both muons: 0 is at right angles to the beam; the muon chambers end at 2.4; 3 keeps all",
        json_schema_extra={"x-unit": "", "x-step": 0.1},
    )
    bins: int = Field(
        100,
        ge=10,
        le=500,
        title="Bins",
        description="How many bins the mass axes have",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def book_mass(params: Params, name: str, what: str) -> hist.Hist:
    """Return an empty mass histogram: equal ratios from bin to bin for the whole spectrum, equal widths for a part."""
    low, high = WINDOWS[params.window]
    if params.window == "all":
        axis = hist.axis.Variable(np.geomspace(low, high, params.bins + 1), name="mass", label="Dimuon mass [GeV]")
        axis.scale = "log"
    else:
        axis = hist.axis.Regular(params.bins, low, high, name="mass", label="Dimuon mass [GeV]")
    axis.marks = MARKS
    return hist.Hist(axis, name=name, label=f"{what} / bin")


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of each pair, apart by charges, and count the pairs of each kind."""
    # Energy and momentum are conserved: together the two muons have what their parent had, if they had one.
    energy = events.E1 + events.E2
    px = events.px1 + events.px2
    py = events.py1 + events.py2
    pz = events.pz1 + events.pz2
    mass = np.sqrt(energy**2 - px**2 - py**2 - pz**2)

    kept = (events.pt1 >= params.min_pt) & (events.pt2 >= params.min_pt)
    kept = kept & (abs(events.eta1) <= params.max_eta) & (abs(events.eta2) <= params.max_eta)

    # A charge is +1 or -1: opposite charges add up to 0, the same to 2 or -2.
    charge = (events.Q1 + events.Q2)[kept]
    mass = mass[kept]

    opposite_mass = book_mass(params, "opposite_mass", "Pairs of opposite charges")
    opposite_mass.fill(mass[charge == 0])
    same_mass = book_mass(params, "same_mass", "Pairs of the same charge")
    same_mass.fill(mass[charge != 0])

    charges = hist.Hist(
        hist.axis.StrCategory(["opposite", "both positive", "both negative"], name="charges", label="Charges"),
        name="charges",
        label="Muon pairs",
    )
    charges[...] = [ak.sum(charge == total) for total in (0, 2, -2)]

    return {"opposite_mass": opposite_mass, "same_mass": same_mass, "charges": charges}
