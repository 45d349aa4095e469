"""How hard the jets are that fly away from the beam."""

from typing import Literal

import awkward as ak
import hist
from pydantic import BaseModel, Field

SOFTEST = 15  # GeV: the file keeps no jet below


class Params(BaseModel):
    """What can be changed without touching the code."""

    side: Literal["away from the beam", "near the beam"] = Field(
        "away from the beam", title="Which side", description="Jets below the border in |pseudorapidity|, or above it"
    )
    border: float = Field(
        1,
        ge=0.2,
        le=4.5,
        title="Border in |pseudorapidity|",
        description="0 is at right angles to the beam, 1 is 40 degrees from it, 2.5 nine degrees",
        json_schema_extra={"x-unit": "", "x-step": 0.1},
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
    """Fill the transverse momentum of each jet on the chosen side of the border."""
    away = abs(events.Jet.eta) < params.border
    kept = away if params.side == "away from the beam" else ~away

    axis = hist.axis.Regular(params.bins, SOFTEST, params.high, name="pt", label="Transverse momentum of jets [GeV]")
    found = hist.Hist(axis, name="jet_pt", label="Jets / bin")
    found.fill(ak.flatten(events.Jet.pt[kept]))
    return {"jet_pt": found}
