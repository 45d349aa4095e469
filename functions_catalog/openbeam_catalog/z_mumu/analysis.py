"""The mass of the particle that two muons came from, out of their energies and momenta."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field

# The data's letters for how the two muons were recognised: G is a global muon, T a tracker muon.
KINDS = {"both global": "GG", "global and tracker": "GT", "both tracker": "TT"}


class Params(BaseModel):
    """What can be changed without touching the code."""

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
    min_pt: float = Field(
        0,
        ge=0,
        le=50,
        title="Lowest muon momentum",
        description="Transverse momentum (across the beam) that both muons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    max_eta: float = Field(
        2.5,
        ge=0.5,
        le=2.5,
        title="Largest |pseudorapidity|",
        description="For both muons: 0 is at right angles to the beam, 2.5 is nine degrees from it",
        json_schema_extra={"x-unit": "", "x-step": 0.1},
    )
    kinds: Literal["all", "both global", "global and tracker", "both tracker"] = Field(
        "all",
        title="Kinds of muons",
        description="Global: measured in tracker and muon chambers. Tracker: only confirmed in the chambers",
    )


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of each pair, and the transverse momentum of both its muons."""
    # Energy and momentum are conserved: together the two muons have what their parent had.
    energy = events.E1 + events.E2
    px = events.px1 + events.px2
    py = events.py1 + events.py2
    pz = events.pz1 + events.pz2

    # Mass is what remains of the energy when the motion is taken out: M^2 = E^2 - p^2 (all in GeV, with c = 1).
    mass = np.sqrt(energy**2 - px**2 - py**2 - pz**2)

    # Which pairs to keep: both muons have to pass.
    kept = (events.pt1 >= params.min_pt) & (events.pt2 >= params.min_pt)
    kept = kept & (abs(events.eta1) <= params.max_eta) & (abs(events.eta2) <= params.max_eta)
    if params.kinds != "all":
        kept = kept & (events.Type == KINDS[params.kinds])

    # Masses beyond the ends of the axis are not lost: the histogram counts them below and above it.
    dimuon_mass = hist.Hist(
        hist.axis.Regular(params.bins, params.mass_low, params.mass_high, name="mass", label="Dimuon mass [GeV]"),
        name="dimuon_mass",
        label="Muon pairs / bin",
    )
    dimuon_mass.fill(mass[kept])

    muon_pt = hist.Hist(
        hist.axis.Regular(60, 0, 120, name="pt", label="Muon transverse momentum [GeV]"),
        name="muon_pt",
        label="Muons / bin",
    )
    muon_pt.fill(events.pt1[kept])
    muon_pt.fill(events.pt2[kept])

    return {"dimuon_mass": dimuon_mass, "muon_pt": muon_pt}
