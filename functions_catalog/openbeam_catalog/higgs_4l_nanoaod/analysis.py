"""Select four leptons that may come from a Higgs boson, out of all collisions, and fill their mass."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
import vector
from pydantic import BaseModel, Field

Z_MASS = 91.2  # [GeV]
FIRST_PAIR, HEAVIEST = (40, 120), 120  # what the masses of the pairs may be [GeV]
MUON_PT, ELECTRON_PT = 5, 7  # the least [GeV]
HARDEST, NEXT = 20, 10  # and that of one pair, where there are two of each kind [GeV]
FARTHEST_ACROSS, FARTHEST_ALONG = 0.5, 1  # from the collision [cm]
MAX_IMPACT = 4  # the same in units of the precision
SAME_TRACK = 0.02  # two leptons closer than this are one, seen twice
# The ways to make two pairs of four leptons. The partner of a pair is the one beside it: 0 and 1, 2 and 3, 4 and 5.
PAIRS = ((0, 1), (2, 3), (0, 2), (1, 3), (0, 3), (1, 2))
TWO, FOUR = 2, 4


class Params(BaseModel):
    """What can be changed without touching the code."""

    channel: Literal["all", "4 muons", "4 electrons", "2 electrons and 2 muons"] = Field(
        "all", title="Leptons", description="Which kinds the four are"
    )
    max_isolation: float = Field(
        0.4,
        ge=0.05,
        le=1,
        title="Most isolation",
        description="What flies beside a lepton, as a part of the lepton's own momentum, may be this much",
        json_schema_extra={"x-unit": "", "x-step": 0.05},
    )
    min_z2: float = Field(
        12,
        ge=5,
        le=60,
        title="Lowest mass of the second pair",
        description="The second pair is what remains when the pair nearest to the Z boson is taken out",
        json_schema_extra={"x-unit": "GeV", "x-step": 1},
    )
    bins: int = Field(
        36,
        ge=11,
        le=220,
        title="Bins",
        description="How many bins the mass axis from 70 to 180 GeV has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )


def clean(leptons: ak.Array, isolation: ak.Array, max_eta: float, max_isolation: float) -> ak.Array:
    """Say of each event whether all its leptons are isolated, inside the detector, and come from the collision."""
    impact = np.sqrt(leptons.dxy**2 + leptons.dz**2) / np.sqrt(leptons.dxyErr**2 + leptons.dzErr**2)
    good = (isolation < max_isolation) & (abs(leptons.eta) < max_eta) & (impact < MAX_IMPACT)
    return ak.all(good & (abs(leptons.dxy) < FARTHEST_ACROSS) & (abs(leptons.dz) < FARTHEST_ALONG), axis=1)


def hard(leptons: ak.Array) -> ak.Array:
    """Say of each event whether there is a hard lepton, and another that is not soft."""
    return ak.any(leptons.pt > HARDEST, axis=1) & (ak.sum(leptons.pt > NEXT, axis=1) >= TWO)


def four_vector(lepton: ak.Array) -> ak.Array:
    """Return the energy and momentum of each lepton, computed with 16 digits."""
    return vector.zip({name: ak.values_astype(lepton[name], np.float64) for name in ("pt", "eta", "phi", "mass")})


def select_same(leptons: ak.Array, passed: ak.Array) -> tuple[np.ndarray, ...]:
    """Return the masses [GeV] of all four leptons of one kind, of the pair nearest to the Z, and of the other pair."""
    neutral = (ak.num(leptons) == FOUR) & (ak.sum(leptons.charge, axis=1) == 0)
    leptons = leptons[passed & neutral]
    each = [four_vector(leptons[:, i]) for i in range(FOUR)]

    masses = np.stack([ak.to_numpy((each[i] + each[j]).mass) for i, j in PAIRS], axis=1)
    apart = np.stack([ak.to_numpy(each[i].deltaR(each[j]) >= SAME_TRACK) for i, j in PAIRS], axis=1)
    opposite = np.stack([ak.to_numpy(leptons.charge[:, i] != leptons.charge[:, j]) for i, j in PAIRS], axis=1)
    best = np.argmin(np.where(opposite, abs(masses - Z_MASS), np.inf), axis=1)
    row = np.arange(len(best))
    kept = apart[row, best] & apart[row, best ^ 1]
    total = ak.to_numpy((each[0] + each[1] + each[2] + each[3]).mass)
    return total[kept], masses[row, best][kept], masses[row, best ^ 1][kept]


def select_mixed(muons: ak.Array, electrons: ak.Array, passed: ak.Array) -> tuple[np.ndarray, ...]:
    """Return the same three masses for two muons and two electrons."""
    enough = (ak.num(muons) >= TWO) & (ak.num(electrons) >= TWO) & (hard(muons) | hard(electrons))
    neutral = (ak.sum(muons.charge, axis=1) == 0) & (ak.sum(electrons.charge, axis=1) == 0)
    kept = passed & enough & neutral
    muons, electrons = four_vector(muons[kept]), four_vector(electrons[kept])
    apart = [ak.to_numpy(each[:, 0].deltaR(each[:, 1]) >= SAME_TRACK) for each in (muons, electrons)]
    one, two = muons[:, 0] + muons[:, 1], electrons[:, 0] + electrons[:, 1]
    masses = np.stack([ak.to_numpy(one.mass), ak.to_numpy(two.mass)], axis=1)[apart[0] & apart[1]]
    masses = np.take_along_axis(masses, np.argsort(abs(masses - Z_MASS), axis=1), axis=1)
    return ak.to_numpy((one + two).mass)[apart[0] & apart[1]], masses[:, 0], masses[:, 1]


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of the four leptons and of the second pair, and count the candidates of each kind."""
    muons, electrons = events.Muon, events.Electron
    good_muons = clean(muons, muons.pfRelIso04_all, 2.4, params.max_isolation)
    good_electrons = clean(electrons, electrons.pfRelIso03_all, 2.5, params.max_isolation)
    found = {
        "4 muons": select_same(muons, good_muons & ak.all(muons.pt > MUON_PT, axis=1)),
        "4 electrons": select_same(electrons, good_electrons & ak.all(electrons.pt > ELECTRON_PT, axis=1)),
        "2 electrons and 2 muons": select_mixed(muons, electrons, good_muons & good_electrons),
    }

    axis = hist.axis.Regular(params.bins, 70, 180, name="mass", label="Mass of the four leptons [GeV]")
    axis.marks = "91.19 = Z; 125.2 = H"
    four = hist.Hist(axis, name="four_lepton_mass", label="Events / bin")
    axis = hist.axis.Regular(60, 0, 120, name="mass", label="Mass of the second pair [GeV]")
    pair = hist.Hist(axis, name="second_pair_mass", label="Events / bin")
    axis = hist.axis.StrCategory(list(found), name="channel", label="Leptons")
    candidates = hist.Hist(axis, name="candidates", label="Candidates")

    # The first pair has to be a Z boson or nearly one; the second may be far from it.
    for channel, (total, z1, z2) in found.items():
        kept = (z1 > FIRST_PAIR[0]) & (z1 < FIRST_PAIR[1]) & (z2 > params.min_z2) & (z2 < HEAVIEST)
        kept = kept & (params.channel in {"all", channel})
        four.fill(total[kept])
        pair.fill(z2[kept])
        candidates[channel] = np.sum(kept)

    return {"four_lepton_mass": four, "second_pair_mass": pair, "candidates": candidates}
