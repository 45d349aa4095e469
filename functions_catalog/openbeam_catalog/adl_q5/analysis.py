"""How much momentum across the beam is missing where two muons come from a Z, or could."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field


class Params(BaseModel):
    """What can be changed without touching the code."""

    charge: Literal["opposite", "same"] = Field(
        "opposite", title="Charges", description="Whether the two muons have opposite charges or the same"
    )
    mass_low: float = Field(
        60,
        ge=0,
        le=85,
        title="Lowest mass",
        description="The mass of the pair must be above",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    mass_high: float = Field(
        120,
        ge=95,
        le=300,
        title="Highest mass",
        description="The mass of the pair must be below",
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
    """Return the energy and momentum of each particle, in a form that can be added."""
    # The file keeps 7 digits. A small mass is the difference of two large numbers, so compute with 16.
    return vector.zip({name: ak.values_astype(particles[name], np.float64) for name in ("pt", "eta", "phi", "mass")})


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the missing transverse momentum of the events with such a pair, once an event."""
    # Every pair of muons of an event, in two columns.
    first, second = ak.unzip(ak.combinations(four_vector(events.Muon), 2))
    charge1, charge2 = ak.unzip(ak.combinations(events.Muon.charge, 2))

    mass = (first + second).mass
    good = (charge1 != charge2) if params.charge == "opposite" else (charge1 == charge2)
    good = good & (mass > params.mass_low) & (mass < params.mass_high)

    # One good pair is enough, and two do not count twice.
    kept = ak.any(good, axis=1)

    axis = hist.axis.Regular(params.bins, 0, 200, name="met", label="Missing transverse momentum [GeV]")
    found = hist.Hist(axis, name="met", label="Events / bin")
    found.fill(events.MET.pt[kept])
    return {"met": found}
