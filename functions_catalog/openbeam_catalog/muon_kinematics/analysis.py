"""The muons one by one: how many an event has, how fast they are and where they fly."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field


class Params(BaseModel):
    """What can be changed without touching the code."""

    charge: Literal["both", "positive", "negative"] = Field(
        "both", title="Charge", description="Which muons: antimuons are positive, muons in the strict sense negative"
    )
    min_pt: float = Field(
        0,
        ge=0,
        le=50,
        title="Lowest muon momentum",
        description="Transverse momentum (across the beam) that a muon must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.5},
    )
    max_eta: float = Field(
        10,
        ge=0.5,
        le=10,
        title="Largest |pseudorapidity|",
        description="0 is at right angles to the beam; the muon chambers end at 2.4; 10 keeps all",
        json_schema_extra={"x-unit": "", "x-step": 0.1},
    )
    pt_high: float = Field(
        60,
        ge=20,
        le=200,
        title="End of the momentum axis",
        description="The highest transverse momentum that the figure shows",
        json_schema_extra={"x-unit": "GeV", "x-step": 10},
    )
    bins: int = Field(
        60,
        ge=20,
        le=240,
        title="Bins",
        description="How many bins the axes of momentum and direction have",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the momenta and directions of all muons that are asked for, and count them."""
    muons = events.Muon
    kept = (muons.pt >= params.min_pt) & (abs(muons.eta) <= params.max_eta)
    if params.charge == "positive":
        kept = kept & (muons.charge > 0)
    if params.charge == "negative":
        kept = kept & (muons.charge < 0)
    muons = muons[kept]

    # How many muons are left in each event.
    muons_per_event = hist.Hist(
        hist.axis.Integer(0, 11, name="n", label="Muons in the event"), name="muons_per_event", label="Events"
    )
    muons_per_event.fill(ak.num(muons))

    # From here on it does not matter which event a muon is from: one long row.
    pt, eta, phi = ak.flatten(muons.pt), ak.flatten(muons.eta), ak.flatten(muons.phi)

    muon_pt = hist.Hist(
        hist.axis.Regular(params.bins, 0, params.pt_high, name="pt", label="Muon transverse momentum [GeV]"),
        name="muon_pt",
        label="Muons / bin",
    )
    muon_pt.fill(pt)

    muon_eta = hist.Hist(
        hist.axis.Regular(params.bins, -3, 3, name="eta", label="Muon pseudorapidity"),
        name="muon_eta",
        label="Muons / bin",
    )
    muon_eta.fill(eta)

    muon_phi = hist.Hist(
        hist.axis.Regular(params.bins, -np.pi, np.pi, name="phi", label="Muon azimuth, around the beam [rad]"),
        name="muon_phi",
        label="Muons / bin",
    )
    muon_phi.fill(phi)

    # The detector unrolled: along the beam to the right, around the beam upwards.
    eta_phi = hist.Hist(
        hist.axis.Regular(50, -2.5, 2.5, name="eta", label="Muon pseudorapidity"),
        hist.axis.Regular(36, -np.pi, np.pi, name="phi", label="Muon azimuth, around the beam [rad]"),
        name="eta_phi",
        label="Muons / bin",
    )
    eta_phi.fill(eta, phi)

    return {
        "muon_pt": muon_pt,
        "muon_eta": muon_eta,
        "muon_phi": muon_phi,
        "eta_phi": eta_phi,
        "muons_per_event": muons_per_event,
    }
