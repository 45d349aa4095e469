"""Of all groups of three jets of an event, the one that could be a top quark."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

THREE = 3


class Params(BaseModel):
    """What can be changed without touching the code."""

    choose: Literal["nearest mass", "highest momentum"] = Field(
        "nearest mass",
        title="Which three jets",
        description="The nearest to the mass below, or the hardest",
    )
    mass: float = Field(
        172.5,
        ge=50,
        le=500,
        title="Mass looked for",
        description="The mass that the three jets together should have; 172.5 GeV is that of the top quark",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.5},
    )
    bins: int = Field(
        50,
        ge=10,
        le=400,
        title="Bins",
        description="How many bins each axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def four_vector(particles: ak.Array) -> ak.Array:
    """Return the energy and momentum of each particle, in a form that can be added."""
    # The file keeps 7 digits. A small mass is the difference of two large numbers, so compute with 16.
    return vector.zip({name: ak.values_astype(particles[name], np.float64) for name in ("pt", "eta", "phi", "mass")})


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the transverse momentum of the three jets together, and the largest b-tag among them."""
    jets = events.Jet[ak.num(events.Jet) >= THREE]

    # Every group of three jets of an event, in three columns: of 10 jets there are 120 groups.
    first, second, third = ak.unzip(ak.combinations(four_vector(jets), THREE))
    trijet = first + second + third

    # One group an event: the place where the distance is smallest, or the momentum largest.
    if params.choose == "nearest mass":
        best = ak.argmin(abs(trijet.mass - params.mass), axis=1, keepdims=True)
    else:
        best = ak.argmax(trijet.pt, axis=1, keepdims=True)

    tags = ak.unzip(ak.combinations(jets.btag, THREE))
    largest = np.maximum(np.maximum(tags[0], tags[1]), tags[2])

    trijet_pt = hist.Hist(
        hist.axis.Regular(params.bins, 0, 300, name="pt", label="Transverse momentum of the three jets [GeV]"),
        name="trijet_pt",
        label="Events / bin",
    )
    trijet_pt.fill(ak.flatten(trijet.pt[best]))

    # -1 and -10 stand for "no answer": these jets are counted below the axis.
    btag = hist.Hist(
        hist.axis.Regular(params.bins, 0, 1, name="btag", label="Largest b-tag of the three jets"),
        name="btag",
        label="Events / bin",
    )
    btag.fill(ak.flatten(largest[best]))

    return {"trijet_pt": trijet_pt, "btag": btag}
