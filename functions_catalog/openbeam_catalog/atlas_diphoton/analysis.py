"""The mass of two photons in ATLAS, and how many events each step of the selection leaves."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

LOW, HIGH = 100, 160  # [GeV]
# Between these |pseudorapidities| the barrel of the calorimeter ends and the end-cap begins.
CRACK = (1.37, 1.52)
TWO = 2


class Params(BaseModel):
    """What can be changed without touching the code."""

    identification: Literal["any", "tight"] = Field(
        "tight", title="Identification", description="Tight: the energy looks as that of one single photon should"
    )
    min_pt_first: float = Field(
        50,
        ge=25,
        le=100,
        title="Momentum of the first photon",
        description="Transverse momentum (across the beam) that the harder photon must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    min_pt_second: float = Field(
        30,
        ge=25,
        le=100,
        title="Momentum of the second photon",
        description="Transverse momentum that the softer photon must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    max_isolation: float = Field(
        0.055,
        ge=0.005,
        le=1,
        title="Most isolation",
        description="What the tracks near a photon carry, as a part of the photon's own momentum, may be this much",
        json_schema_extra={"x-unit": "", "x-step": 0.005},
    )
    min_share: float = Field(
        0.35,
        ge=0,
        le=0.5,
        title="Least share of the mass",
        description="Each photon's transverse momentum must be this part of the mass of both",
        json_schema_extra={"x-unit": "", "x-step": 0.01},
    )
    bins: int = Field(
        60,
        ge=10,
        le=240,
        title="Bins",
        description="How many bins the mass axis from 100 to 160 GeV has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def four_vector(photons: ak.Array) -> ak.Array:
    """Return the energy and momentum of each photon, computed with 16 digits."""
    return vector.zip({name: ak.values_astype(photons[name], np.float64) for name in ("pt", "eta", "phi", "E")})


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of the two hardest photons, and count the events that each step leaves."""
    names = {"pt": "photon_pt", "eta": "photon_eta", "phi": "photon_phi", "E": "photon_e"}
    names |= {"tight": "photon_isTightID", "around": "photon_ptcone20"}
    photons = ak.zip({to: events[name] for to, name in names.items()})

    # The two hardest photons of each event that has two.
    enough = ak.num(photons) >= TWO
    photons = photons[enough]
    photons = photons[ak.argsort(photons.pt, axis=1, ascending=False)]
    first, second = photons[:, 0], photons[:, 1]
    mass = ak.to_numpy((four_vector(first) + four_vector(second)).mass)

    # The steps, one after the other: both photons have to pass all of them.
    steps = {"two photons": first.pt > 0}
    steps["identified"] = (first.tight & second.tight) | (params.identification == "any")
    steps["momenta"] = (first.pt > params.min_pt_first) & (second.pt > params.min_pt_second)
    steps["isolated"] = (first.around < params.max_isolation * first.pt) & (
        second.around < params.max_isolation * second.pt
    )
    steps["outside the crack"] = ((abs(first.eta) <= CRACK[0]) | (abs(first.eta) >= CRACK[1])) & (
        (abs(second.eta) <= CRACK[0]) | (abs(second.eta) >= CRACK[1])
    )
    steps["share of the mass"] = (first.pt > params.min_share * mass) & (second.pt > params.min_share * mass)

    axis = hist.axis.Regular(params.bins, LOW, HIGH, name="mass", label="Mass of the two photons [GeV]")
    axis.marks = "125.2 = H"
    diphoton_mass = hist.Hist(axis, name="diphoton_mass", label="Events / bin")
    cutflow = hist.Hist(
        hist.axis.StrCategory(["all", *steps], name="step", label="Events left after each step"),
        name="cutflow",
        label="Events",
    )

    cutflow["all"] = len(events)
    kept = np.ones(len(mass), dtype=bool)
    for step, passed in steps.items():
        kept = kept & ak.to_numpy(passed)
        cutflow[step] = np.sum(kept)
    # Masses beyond the ends of the axis are not lost: the histogram counts them below and above it.
    diphoton_mass.fill(mass[kept])

    return {"diphoton_mass": diphoton_mass, "cutflow": cutflow}
