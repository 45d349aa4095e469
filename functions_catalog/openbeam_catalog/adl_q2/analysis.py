"""How hard the jets are: their momentum across the beam."""

from typing import Literal

import awkward as ak
import hist
from pydantic import BaseModel, Field

SOFTEST = 15  # GeV: the file keeps no jet below


class Params(BaseModel):
    """What can be changed without touching the code."""

    jets: Literal["all", "hardest", "all but the hardest"] = Field(
        "all", title="Jets", description="All jets of an event, only the hardest, or all the others"
    )
    high: float = Field(
        60,
        ge=30,
        le=500,
        title="End of the axis",
        description="Where the axis of the transverse momentum ends",
        json_schema_extra={"x-unit": "GeV", "x-step": 5},
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
    """Fill the transverse momentum of each jet: an event with five jets is there five times."""
    # The file has the jets of an event in the order of their momenta, the hardest first.
    chosen = {"all": slice(None), "hardest": slice(0, 1), "all but the hardest": slice(1, None)}[params.jets]
    pt = events.Jet.pt[:, chosen]

    axis = hist.axis.Regular(params.bins, SOFTEST, params.high, name="pt", label="Transverse momentum of jets [GeV]")
    found = hist.Hist(axis, name="jet_pt", label="Jets / bin")
    found.fill(ak.flatten(pt))
    return {"jet_pt": found}
