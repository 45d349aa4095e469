"""How much momentum across the beam is missing in each collision."""

from typing import Literal

import awkward as ak
import hist
from pydantic import BaseModel, Field

# The triggers that the file tells of, by what they ask for.
TRIGGERS = {
    "a lone muon of 24 GeV": "IsoMu24",
    "the same, not near the beam": "IsoMu24_eta2p1",
    "a muon of 17 GeV and a tau": "IsoMu17_eta2p1_LooseIsoPFTau20",
}


class Params(BaseModel):
    """What can be changed without touching the code."""

    trigger: Literal["any", "a lone muon of 24 GeV", "the same, not near the beam", "a muon of 17 GeV and a tau"] = (
        Field("any", title="Trigger", description="Why the event was recorded")
    )
    high: float = Field(
        200,
        ge=50,
        le=1000,
        title="End of the axis",
        description="Where the axis of the missing momentum ends",
        json_schema_extra={"x-unit": "GeV", "x-step": 10},
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
    """Fill the missing transverse momentum, once an event."""
    met = events.MET.pt
    if params.trigger != "any":
        met = met[events.HLT[TRIGGERS[params.trigger]]]

    # What lies beyond the end of the axis is not lost: the histogram counts it above the last bin.
    axis = hist.axis.Regular(params.bins, 0, params.high, name="met", label="Missing transverse momentum [GeV]")
    found = hist.Hist(axis, name="met", label="Events / bin")
    found.fill(met)
    return {"met": found}
