"""How much momentum across the beam is missing where two jets or more are hard."""

from typing import Literal

import awkward as ak
import hist
from pydantic import BaseModel, Field


class Params(BaseModel):
    """What can be changed without touching the code."""

    count: Literal["at least", "exactly"] = Field(
        "at least", title="At least or exactly", description="How the number of hard jets is meant"
    )
    jets: int = Field(
        2,
        ge=0,
        le=10,
        title="Hard jets",
        description="How many hard jets an event must have",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )
    min_pt: float = Field(
        40,
        ge=15,
        le=200,
        title="Lowest jet momentum",
        description="A jet is hard above this transverse momentum",
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


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the missing transverse momentum of the events with enough hard jets."""
    # First a question to each jet, then one to each event: how many said yes?
    hard = ak.sum(events.Jet.pt > params.min_pt, axis=1)
    kept = hard >= params.jets if params.count == "at least" else hard == params.jets

    axis = hist.axis.Regular(params.bins, 0, 200, name="met", label="Missing transverse momentum [GeV]")
    found = hist.Hist(axis, name="met", label="Events / bin")
    found.fill(events.MET.pt[kept])
    return {"met": found}
