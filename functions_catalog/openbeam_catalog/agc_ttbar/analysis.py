"""The observables of the Analysis Grand Challenge, for a lepton and four jets: HT and the mass of three jets."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

LOW, HIGH = 50, 550  # [GeV]
LEPTON_ETA, JET_ETA = 2.1, 2.4  # the largest |pseudorapidities|
MAX_IMPACT = 4  # how far a lepton's track may pass from the collision, in units of the precision
MAX_ISOLATION = 0.15  # how much may fly beside a muon, as a part of its momentum
TIGHT_ELECTRON = 4
NO_LEPTON_INSIDE = 4  # the bit of jetId that says: well measured, and no lepton taken for a jet


class Params(BaseModel):
    """What can be changed without touching the code."""

    lepton: Literal["electron or muon", "electron", "muon"] = Field(
        "electron or muon", title="Lepton", description="What the one lepton may be; there must be no other"
    )
    min_jet_pt: float = Field(
        30,
        ge=20,
        le=80,
        title="Lowest jet momentum",
        description="Transverse momentum (across the beam) of a jet that counts",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    min_lepton_pt: float = Field(
        30,
        ge=20,
        le=80,
        title="Lowest lepton momentum",
        description="Transverse momentum of an electron or muon that counts",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    b_tag: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Least b-tag",
        description="A jet counts as one of a bottom quark when its tag (CSV) is above this",
        json_schema_extra={"x-unit": "", "x-step": 0.05},
    )
    min_jets: int = Field(
        4,
        ge=3,
        le=13,
        title="Fewest jets",
        description="How many jets an event must have",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )
    bins: int = Field(
        25,
        ge=10,
        le=100,
        title="Bins",
        description="How many bins the axes from 50 to 550 GeV have",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def count_good(leptons: ak.Array, sure: ak.Array, min_pt: float) -> ak.Array:
    """Return how many leptons of each event are good, of those that are recognised for sure."""
    good = sure & (leptons.pt > min_pt) & (abs(leptons.eta) < LEPTON_ETA)
    # Files for teaching leave some columns out.
    return ak.sum(good & (leptons.sip3d < MAX_IMPACT) if "sip3d" in leptons.fields else good, axis=1)


def good_jets(jets: ak.Array, min_pt: float) -> ak.Array:
    """Return the jets that count, each with its b-tag."""
    names = jets.fields
    sure = (jets.jetId & NO_LEPTON_INSIDE) != 0 if "jetId" in names else jets.puId
    jets = ak.with_field(jets, jets.btagCSVV2 if "btagCSVV2" in names else jets.btag, "tag")
    return jets[sure & (jets.pt > min_pt) & (abs(jets.eta) < JET_ETA)]


def top_mass(jets: ak.Array, b_tag: float) -> np.ndarray:
    """Return the mass [GeV] of the three jets, one of them b-tagged at least, that move fastest across the beam."""
    parts = {name: ak.values_astype(jets[name], np.float64) for name in ("pt", "eta", "phi", "mass")}
    one, two, three = ak.unzip(ak.combinations(vector.zip(parts), 3))
    tags = ak.unzip(ak.combinations(jets.tag, 3))
    triple = (one + two + three)[(tags[0] > b_tag) | (tags[1] > b_tag) | (tags[2] > b_tag)]
    best = ak.argmax(triple.pt, axis=1, keepdims=True)
    return ak.to_numpy(ak.flatten(triple.mass[best]))


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill HT of the events with one b-tagged jet, the mass of three jets of those with more, and count."""
    jets, muon = good_jets(events.Jet, params.min_jet_pt), events.Muon
    tagged = ak.sum(jets.tag > params.b_tag, axis=1)
    muons = count_good(muon, muon.tightId & (muon.pfRelIso04_all < MAX_ISOLATION), params.min_lepton_pt)
    electrons = 0 * muons
    if "Electron" in events.fields:
        electron = events.Electron
        electrons = count_good(electron, electron.cutBased == TIGHT_ELECTRON, params.min_lepton_pt)

    # One top quark decays to a lepton, the other to three jets, and a bottom quark comes from each.
    wanted = {"electron or muon": electrons + muons, "electron": electrons, "muon": muons}[params.lepton]
    one_lepton = (electrons + muons == 1) & (wanted == 1)
    enough = one_lepton & (ak.num(jets) >= params.min_jets)
    one_tag, more_tags = enough & (tagged == 1), enough & (tagged > 1)

    axis = hist.axis.Regular(params.bins, LOW, HIGH, name="ht", label="Sum of the jets' transverse momenta [GeV]")
    ht = hist.Hist(axis, name="ht", label="Events with one b-tag / bin")
    ht.fill(ak.sum(jets.pt, axis=1)[one_tag])

    axis = hist.axis.Regular(params.bins, LOW, HIGH, name="mass", label="Mass of the three jets [GeV]")
    axis.marks = "172.6 = t"
    mass = hist.Hist(axis, name="trijet_mass", label="Events with two b-tags / bin")
    mass.fill(top_mass(jets[more_tags], params.b_tag))

    left = {"all": len(events), "one lepton": ak.sum(one_lepton), "enough jets": ak.sum(enough)}
    left |= {"one b-tag": ak.sum(one_tag), "two b-tags or more": ak.sum(more_tags)}
    steps = hist.axis.StrCategory(list(left), name="step", label="Events left after each step")
    cutflow = hist.Hist(steps, name="cutflow", label="Events")
    cutflow[...] = list(left.values())

    return {"ht": ht, "trijet_mass": mass, "cutflow": cutflow}
