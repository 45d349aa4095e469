"""The mass of a B meson out of three kaons or pions, the Dalitz plot of its decay, and how many B+ and B- there are."""

from typing import Literal

import awkward as ak
import hist
import numpy as np
from pydantic import BaseModel, Field

# Name and mass [MeV] of what the three particles are taken for, and which probability says so (Particle Data Group).
HADRONS = {"three kaons": (493.677, "ProbK", "ProbPi"), "three pions": (139.570, "ProbPi", "ProbK")}
B_MASS = 5279.25  # [MeV]
TRACKS = (1, 2, 3)
# The two others of each track.
OTHERS = ((2, 3), (1, 3), (1, 2))


class Params(BaseModel):
    """What can be changed without touching the code."""

    hadrons: Literal["three kaons", "three pions"] = Field(
        "three kaons", title="Hadrons", description="What the three particles are taken for"
    )
    charge: Literal["both", "B+", "B-"] = Field(
        "both", title="Charge", description="Whether to keep B mesons of positive charge, negative charge, or both"
    )
    min_right: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Least probability of the right kind",
        description="Each of the three must be a kaon (or pion, if taken for that) with this probability",
        json_schema_extra={"x-unit": "", "x-step": 0.05},
    )
    max_wrong: float = Field(
        0.5,
        ge=0,
        le=1,
        title="Most probability of the wrong kind",
        description="None of the three may be a pion (or kaon) with more than this probability",
        json_schema_extra={"x-unit": "", "x-step": 0.05},
    )
    mass_high: float = Field(
        5400,
        ge=5300,
        le=6300,
        title="Highest mass",
        description="Where the mass axis, which begins at 5050 MeV, ends",
        json_schema_extra={"x-unit": "MeV", "x-step": 10},
    )
    bins: int = Field(
        70,
        ge=10,
        le=200,
        title="Bins",
        description="How many bins the mass axis has",
        json_schema_extra={"x-unit": "", "x-step": 1},
    )
    window: float = Field(
        60,
        ge=10,
        le=200,
        title="Distance from the B mass",
        description="Dalitz plot and counts take candidates at most this far from 5279 MeV",
        json_schema_extra={"x-unit": "MeV", "x-step": 5},
    )


def mass_squared(events: ak.Array, tracks: tuple[int, ...], each: float) -> np.ndarray:
    """Return M^2 = E^2 - p^2 [MeV^2] of some of the tracks together, if each has the mass ``each`` [MeV]."""
    px, py, pz = (sum(events[f"H{i}_P{axis}"] for i in tracks) for axis in "XYZ")
    energy = sum(
        np.sqrt(events[f"H{i}_PX"] ** 2 + events[f"H{i}_PY"] ** 2 + events[f"H{i}_PZ"] ** 2 + each**2) for i in tracks
    )
    return ak.to_numpy(energy**2 - px**2 - py**2 - pz**2)


def neutral_pairs(events: ak.Array, each: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the smaller and the larger mass squared [GeV^2] of the two pairs whose charges are opposite."""
    squares = np.stack([mass_squared(events, pair, each) for pair in OTHERS], axis=1) / 1e6
    charges = np.stack([ak.to_numpy(events[f"H{i}_Charge"]) for i in TRACKS], axis=1)
    # A pair is named by the track that it leaves out. Two charges are alike in the pair that leaves out the odd one.
    alike = charges == -np.sum(charges, axis=1, keepdims=True)
    return np.min(np.where(alike, np.inf, squares), axis=1), np.max(np.where(alike, -np.inf, squares), axis=1)


def analyze(events: ak.Array, params: Params) -> dict[str, hist.Hist]:
    """Fill the mass of the three particles, the Dalitz plot, and the number of B+ and B-."""
    each, right, wrong = HADRONS[params.hadrons]
    charge = sum(events[f"H{i}_Charge"] for i in TRACKS)

    # Which candidates to keep: all three tracks have to pass, and a B that decays to three has a charge of 1 or -1.
    kept = {"both": abs(charge) == 1, "B+": charge == 1, "B-": charge == -1}[params.charge]
    for i in TRACKS:
        kept = kept & (events[f"H{i}_{right}"] >= params.min_right) & (events[f"H{i}_{wrong}"] <= params.max_wrong)
        kept = kept & (events[f"H{i}_isMuon"] == 0)
    kept = ak.to_numpy(kept)

    mass = np.sqrt(np.maximum(mass_squared(events, TRACKS, each), 0))
    axis = hist.axis.Regular(params.bins, 5050, params.mass_high, name="mass", label="Mass of the three [MeV]")
    axis.marks = "5279 = B"
    b_mass = hist.Hist(axis, name="b_mass", label="Candidates / bin")
    b_mass.fill(mass[kept])

    inside = kept & (abs(mass - B_MASS) <= params.window)
    smaller, larger = neutral_pairs(events, each)
    dalitz = hist.Hist(
        hist.axis.Regular(56, 0, 14, name="smaller", label="Smaller mass² of a neutral pair [GeV²]"),
        hist.axis.Regular(48, 0, 24, name="larger", label="Larger mass² of a neutral pair [GeV²]"),
        name="dalitz",
        label="Candidates / bin",
    )
    dalitz.fill(smaller[inside], larger[inside])

    names = {"B+": 1, "B-": -1}
    charges = hist.Hist(hist.axis.StrCategory(list(names), name="charge", label="Charge"), name="charges")
    charges.label = "Candidates near the B mass"
    charges[...] = [np.sum(inside & ak.to_numpy(charge == sign)) for sign in names.values()]

    return {"b_mass": b_mass, "dalitz": dalitz, "charges": charges}
