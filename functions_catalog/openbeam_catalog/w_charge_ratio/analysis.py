"""How many W are positive and how many negative, and where their leptons fly."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field


class Params(BaseModel):
    """What can be changed without touching the code."""

    side: Literal["both", "positive", "negative"] = Field(
        "both", title="Side of the detector", description="The sign of the lepton's pseudorapidity"
    )
    min_pt: float = Field(
        25,
        ge=25,
        le=50,
        title="Lowest lepton momentum",
        description="Transverse momentum (across the beam) that the electron or muon must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    min_mass: float = Field(
        0,
        ge=0,
        le=80,
        title="Lowest transverse mass",
        description="Events below are mostly no W",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    bins: int = Field(
        5,
        ge=1,
        le=25,
        title="Bins",
        description="How many bins the axis of the pseudorapidity has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Count both charges, and fill the mean charge by pseudorapidity."""
    transverse_mass = np.sqrt(2 * events.pt * events.MET * (1 - np.cos(events.phi - events.phiMET)))
    kept = (events.pt >= params.min_pt) & (transverse_mass >= params.min_mass)
    if params.side == "positive":
        kept = kept & (events.eta > 0)
    if params.side == "negative":
        kept = kept & (events.eta < 0)

    # The lepton has the charge of its W: neutrinos have none.
    charge, eta = events.Q[kept], events.eta[kept]
    charges = hist.Hist(
        hist.axis.StrCategory(["W⁺", "W⁻"], name="charge", label="Charge"), name="charges", label="Events"
    )
    charges[...] = [ak.sum(charge > 0), ak.sum(charge < 0)]

    # With a charge of +1 or -1 the mean is (N+ - N-) / (N+ + N-), called the charge asymmetry. The histogram keeps the
    # mean of each bin and how sure it is.
    asymmetry = hist.Hist(
        hist.axis.Regular(params.bins, 0, 2.5, name="eta", label="|Pseudorapidity| of the lepton"),
        storage=hist.storage.Mean(),
        name="asymmetry",
        label="Mean charge",
    )
    asymmetry.fill(abs(eta), sample=charge)

    return {"charges": charges, "asymmetry": asymmetry}
