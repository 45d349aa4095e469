"""Select a muon and a hadronic tau that may come from a Higgs or Z boson, and fill what can be seen of their mass."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

MUON_ETA, TAU_ETA = 2.1, 2.3  # the largest |pseudorapidities|
APART = 0.5  # a muon and a tau that are closer than this may be one thing


class Params(BaseModel):
    """What can be changed without touching the code."""

    charges: Literal["opposite", "same"] = Field(
        "opposite", title="Charges", description="Whether the muon and the tau have opposite charges or the same"
    )
    min_muon_pt: float = Field(
        17,
        ge=17,
        le=60,
        title="Lowest muon momentum",
        description="Transverse momentum (across the beam) that the muon must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    min_tau_pt: float = Field(
        20,
        ge=20,
        le=60,
        title="Lowest tau momentum",
        description="Transverse momentum that the visible part of the tau must have",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    max_transverse_mass: float = Field(
        30,
        ge=10,
        le=200,
        title="Highest transverse mass",
        description="Of the muon and the missing momentum: that of a W boson is near 80 GeV",
        json_schema_extra={"x-unit": "GeV", "x-step": 5},
    )
    max_isolation: float = Field(
        0.1,
        ge=0.01,
        le=1,
        title="Most isolation",
        description="What flies beside the muon, as a part of the muon's own momentum, may be this much",
        json_schema_extra={"x-unit": "", "x-step": 0.01},
    )
    bins: int = Field(
        30,
        ge=10,
        le=120,
        title="Bins",
        description="How many bins the axis of the visible mass has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def four_vector(particle: ak.Array) -> ak.Array:
    """Return the energy and momentum of each particle, computed with 16 digits."""
    return vector.zip({name: ak.values_astype(particle[name], np.float64) for name in ("pt", "eta", "phi", "mass")})


def good_muons(muon: ak.Array, min_pt: float) -> ak.Array:
    """Return the muons that are worth looking at."""
    return muon[muon.tightId & (muon.pt > min_pt) & (abs(muon.eta) < MUON_ETA)]


def good_taus(tau: ak.Array, min_pt: float) -> ak.Array:
    """Return the taus that decayed to hadrons and are not electrons, muons or ordinary jets."""
    sure = tau.idDecayMode & tau.idIsoTight & tau.idAntiEleTight & tau.idAntiMuTight
    return tau[sure & (tau.charge != 0) & (tau.pt > min_pt) & (abs(tau.eta) < TAU_ETA)]


def find_pairs(muons: ak.Array, taus: ak.Array) -> tuple[ak.Array, ak.Array]:
    """Return the hardest muon and the most isolated tau of each event; None where no muon is apart from a tau."""
    muon, tau = ak.unzip(ak.cartesian([muons, taus]))
    turn = (muon.phi - tau.phi + np.pi) % (2 * np.pi) - np.pi
    apart = (muon.eta - tau.eta) ** 2 + turn**2 > APART**2
    muon, tau = muon[apart], tau[apart]
    hardest = muon.pt == ak.max(muon.pt, axis=1)
    muon, tau = muon[hardest], tau[hardest]
    best = ak.argmin(tau.relIso_all, axis=1, keepdims=True)
    return ak.firsts(muon[best]), ak.firsts(tau[best])


def book(name: str, label: str, bins: int, low: float, high: float) -> hist.Hist:
    """Return an empty histogram."""
    axis = hist.axis.Regular(bins, low, high, name=name, label=f"{label} [GeV]")
    return hist.Hist(axis, name=name, label="Events / bin")


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the visible mass and the transverse mass, and count the events that each step leaves."""
    triggered = events.HLT.IsoMu17_eta2p1_LooseIsoPFTau20
    muon, tau = find_pairs(good_muons(events.Muon, params.min_muon_pt), good_taus(events.Tau, params.min_tau_pt))
    paired = ak.to_numpy(triggered & ~ak.is_none(muon))
    muon, tau, missing = muon[paired], tau[paired], events.MET[paired]

    # The neutrinos of the tau fly on with the muon. Those of a W boson do not, so there this mass is large.
    transverse = ak.to_numpy(np.sqrt(2 * muon.pt * missing.pt * (1 - np.cos(muon.phi - missing.phi))))
    isolated = ak.to_numpy(muon.pfRelIso03_all < params.max_isolation)
    product = ak.to_numpy(muon.charge * tau.charge)
    charged = isolated & ((product < 0) if params.charges == "opposite" else (product > 0))
    kept = charged & (transverse < params.max_transverse_mass)

    # Masses beyond the ends of an axis are not lost: the histogram counts them below and above it.
    visible_mass = book("visible_mass", "Mass of muon and visible tau", params.bins, 20, 140)
    visible_mass.fill(ak.to_numpy((four_vector(muon) + four_vector(tau)).mass)[kept])
    transverse_mass = book("transverse_mass", "Transverse mass of muon and missing momentum", 30, 0, 150)
    transverse_mass.fill(transverse[charged])

    left = {
        "all": len(events),
        "trigger": ak.sum(triggered),
        "muon and tau": len(muon),
        "isolated muon": np.sum(isolated),
        "charges": np.sum(charged),
        "transverse mass": np.sum(kept),
    }
    steps = hist.axis.StrCategory(list(left), name="step", label="Events left after each step")
    cutflow = hist.Hist(steps, name="cutflow", label="Events")
    cutflow[...] = list(left.values())

    return {"visible_mass": visible_mass, "transverse_mass": transverse_mass, "cutflow": cutflow}
