"""Beside two leptons from a Z, a third one, and how it goes with the missing momentum."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

THREE = 3


class Params(BaseModel):
    """What can be changed without touching the code."""

    pair: Literal["either", "electrons", "muons"] = Field(
        "either", title="The pair", description="What the pair is made of; both of the pair are of one kind"
    )
    mass: float = Field(
        91.2,
        ge=5,
        le=200,
        title="Mass looked for",
        description="The pair is the one with the mass nearest to this; 91.2 GeV is that of the Z",
        json_schema_extra={"x-unit": "GeV", "x-step": 0.1},
    )
    bins: int = Field(
        50,
        ge=10,
        le=400,
        title="Bins",
        description="How many bins the axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def leptons_of(events: ak.Array, kind: str) -> ak.Array:
    """Return the electrons or muons, in a form that can be added, computed with 16 digits."""
    found = {name: ak.values_astype(events[kind][name], np.float64) for name in ("pt", "eta", "phi", "mass", "charge")}
    return vector.zip(found | {"muon": ak.full_like(events[kind].charge, kind == "Muon", dtype=bool)})


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the transverse mass of the third lepton and the missing momentum."""
    leptons = ak.concatenate([leptons_of(events, kind) for kind in ("Electron", "Muon")], axis=1)
    three = ak.num(leptons) >= THREE
    leptons, met = leptons[three], events.MET[three]

    # Every pair of an event: where its two leptons are in the list, then the leptons.
    at = ak.argcombinations(leptons, 2, fields=["one", "two"])
    one, two = leptons[at.one], leptons[at.two]
    good = (one.muon == two.muon) & (one.charge != two.charge)
    if params.pair != "either":
        good = good & (one.muon == (params.pair == "muons"))

    # The best pair of each event that has one.
    some = ak.any(good, axis=1)
    distance = abs((one + two).mass - params.mass)[good]
    best = at[good][ak.argmin(distance, axis=1, keepdims=True)][some]
    leptons, met = leptons[some], met[some]

    # Of the leptons that are not in the pair, the hardest.
    place = ak.local_index(leptons)
    others = leptons[(place != best.one[:, 0]) & (place != best.two[:, 0])]
    third = others[ak.argmax(others.pt, axis=1, keepdims=True)][:, 0]

    # Mass in the plane across the beam, where the neutrino's momentum is known: m² = 2 p p' (1 - cos Δφ).
    mass = np.sqrt(2 * third.pt * met.pt * (1 - np.cos(third.phi - met.phi)))

    axis = hist.axis.Regular(params.bins, 0, 200, name="mass", label="Transverse mass [GeV]")
    found = hist.Hist(axis, name="transverse_mass", label="Events / bin")
    found.fill(mass)
    return {"transverse_mass": found}
