"""How much momentum the jets of an event have in all, without those that are leptons in disguise."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

KINDS = {"electrons and muons": ["Electron", "Muon"], "electrons": ["Electron"], "muons": ["Muon"]}


class Params(BaseModel):
    """What can be changed without touching the code."""

    leptons: Literal["electrons and muons", "electrons", "muons"] = Field(
        "electrons and muons", title="Leptons", description="What the jets must not be near"
    )
    distance: float = Field(
        0.4,
        ge=0,
        le=1.5,
        title="Smallest distance",
        description="A jet within this ΔR of a lepton does not count; ΔR² = Δη² + Δφ²",
        json_schema_extra={"x-unit": "", "x-step": 0.05},
    )
    min_jet_pt: float = Field(
        30,
        ge=15,
        le=200,
        title="Lowest jet momentum",
        description="Transverse momentum that a jet must be above",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    min_lepton_pt: float = Field(
        10,
        ge=0,
        le=100,
        title="Lowest lepton momentum",
        description="Transverse momentum that a lepton must be above",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    bins: int = Field(
        100,
        ge=10,
        le=400,
        title="Bins",
        description="How many bins the axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def four_vector(particles: ak.Array) -> ak.Array:
    """Return the energy and momentum of each particle, with 16 digits."""
    return vector.zip({name: ak.values_astype(particles[name], np.float64) for name in ("pt", "eta", "phi", "mass")})


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the sum of the jets' transverse momenta; an event where no jet is left is not filled."""
    jets = four_vector(events.Jet[events.Jet.pt > params.min_jet_pt])
    leptons = ak.concatenate([four_vector(events[kind]) for kind in KINDS[params.leptons]], axis=1)
    leptons = leptons[leptons.pt > params.min_lepton_pt]

    # Each jet with each lepton of its event: a table in every event, a row a jet.
    jet, lepton = ak.unzip(ak.cartesian([jets, leptons], nested=True))
    near = ak.any(jet.deltaR(lepton) < params.distance, axis=2)

    left = jets.pt[~near]
    total = ak.sum(left, axis=1)[ak.num(left) > 0]

    axis = hist.axis.Regular(params.bins, 0, 400, name="sum_pt", label="Sum of the jets' transverse momenta [GeV]")
    found = hist.Hist(axis, name="jet_sum", label="Events / bin")
    found.fill(total)
    return {"jet_sum": found}
