"""The mass of four leptons in ATLAS, and how many events each step of the selection leaves."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

ELECTRON, MUON = 11, 13
# The sums of the kinds when leptons come in pairs: four electrons, two of each, four muons.
CHANNELS = {"4 electrons": (44,), "2 electrons and 2 muons": (48,), "4 muons": (52,), "all": (44, 48, 52)}
LOW, HIGH = 80, 250  # [GeV]


class Params(BaseModel):
    """What can be changed without touching the code."""

    channel: Literal["all", "4 electrons", "2 electrons and 2 muons", "4 muons"] = Field(
        "all", title="Leptons", description="Which kinds of leptons the four are"
    )
    quality: Literal["any", "identified", "identified and isolated"] = Field(
        "any",
        title="Quality",
        description="Identified: most probably an electron or muon. Isolated: little else flies in the same direction",
    )
    min_pt_first: float = Field(
        7,
        ge=7,
        le=50,
        title="Momentum of the first lepton",
        description="Transverse momentum (across the beam) that the hardest of the four leptons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    min_pt_third: float = Field(
        7,
        ge=7,
        le=30,
        title="Momentum of the third lepton",
        description="Transverse momentum that the third hardest of the four leptons must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    bins: int = Field(
        34,
        ge=10,
        le=170,
        title="Bins",
        description="How many bins the mass axis from 80 to 250 GeV has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def good(events: ak.Array, quality: str) -> ak.Array:
    """Say of each lepton whether its quality is good enough."""
    # ATLAS asks more of a muon than of an electron here: medium identification, and loose.
    identified = (events.lep_type == ELECTRON) & events.lep_isLooseID
    identified = identified | ((events.lep_type == MUON) & events.lep_isMediumID)
    return {
        "any": events.lep_pt > 0,
        "identified": identified,
        "identified and isolated": identified & events.lep_isLooseIso,
    }[quality]


def four_lepton_mass(events: ak.Array) -> ak.Array:
    """Return the mass [GeV] of all leptons of each event together."""
    # The file keeps 7 digits. A small mass is the difference of two large numbers, so compute with 16.
    names = {"pt": "lep_pt", "eta": "lep_eta", "phi": "lep_phi", "E": "lep_e"}
    leptons = vector.zip({to: ak.values_astype(events[name], np.float64) for to, name in names.items()})
    return (leptons[:, 0] + leptons[:, 1] + leptons[:, 2] + leptons[:, 3]).mass


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of the four leptons, and count the events that each step leaves."""
    hardest = ak.sort(events.lep_pt, axis=1, ascending=False)
    kinds = ak.sum(events.lep_type, axis=1)
    masses = four_lepton_mass(events)

    # The steps, one after the other: an event has to pass all of them.
    steps = {
        "all": kinds > 0,
        # ATLAS wrote the event down because of an electron or a muon.
        "trigger": events.trigE | events.trigM,
        "momenta": (hardest[:, 0] >= params.min_pt_first) & (hardest[:, 2] >= params.min_pt_third),
        "quality": ak.all(good(events, params.quality), axis=1),
        # Leptons of one kind come in pairs: 4 x 11, 2 x 11 + 2 x 13 or 4 x 13.
        "kinds": np.isin(ak.to_numpy(kinds), CHANNELS[params.channel]),
        # Two Z bosons have no charge, so neither have their leptons together.
        "charge": ak.sum(events.lep_charge, axis=1) == 0,
        "80 to 250 GeV": (masses >= LOW) & (masses < HIGH),
    }

    axis = hist.axis.Regular(params.bins, LOW, HIGH, name="mass", label="Mass of the four leptons [GeV]")
    mass = hist.Hist(axis, name="four_lepton_mass", label="Events / bin")
    cutflow = hist.Hist(
        hist.axis.StrCategory(list(steps), name="step", label="Events left after each step"),
        name="cutflow",
        label="Events",
    )

    kept = np.ones(len(events), dtype=bool)
    for step, passed in steps.items():
        kept = kept & ak.to_numpy(passed)
        cutflow[step] = np.sum(kept)
    mass.fill(masses[kept])

    return {"four_lepton_mass": mass, "cutflow": cutflow}
