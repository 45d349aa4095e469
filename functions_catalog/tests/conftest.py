"""Real events, and an analysis run on them as an engine does it: from its text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from openbeam_datasets.record import load_record
from support.at_hand import opendata_folder
from support.events import Shelf, needs_opendata
from support.runs import Runs

Numbers = np.ndarray[Any, Any]


@pytest.fixture(scope="session")
def opendata() -> Path:
    """Return the folder of real events beside the repository."""
    folder = opendata_folder()
    if folder is None:
        pytest.skip("REAL EVENTS ARE NOT HERE: put them beside the repository or set OPENBEAM_TEST_OPENDATA")
    return folder


@pytest.fixture(scope="session")
def events_files(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], list[Path]]:
    """Return a function from a dataset's name to the files at hand with its events."""
    scratch = tmp_path_factory.mktemp("events")

    @cache
    def find(dataset: str) -> list[Path]:
        spec = load_record(dataset)
        folder = request.getfixturevalue("opendata") if needs_opendata(spec) else scratch
        return Shelf(folder, scratch).files(spec)

    return find


@pytest.fixture(scope="session")
def run(events_files: Callable[[str], list[Path]]) -> Runs:
    """Return what runs an analysis over events ``start`` to ``stop`` of a dataset, its first one by default."""
    return Runs(events_files)


@pytest.fixture(scope="session")
def doublemu_pairs(events_files: Callable[[str], list[Path]]) -> dict[str, Numbers]:
    """Return the events with two muons, a row each, with mass and momentum of the pair: uproot and numpy alone."""
    with uproot.open({events_files("cms-2012-doublemu")[0]: "Events"}) as tree:
        events = tree.arrays()
    two = events[events.nMuon == 2]
    found = {name: ak.to_numpy(two[f"Muon_{name}"]).astype(float) for name in ("pt", "eta", "phi", "mass", "charge")}
    p = found["pt"] * np.cosh(found["eta"])
    energy = np.sqrt(p**2 + found["mass"] ** 2).sum(axis=1)
    px = (found["pt"] * np.cos(found["phi"])).sum(axis=1)
    py = (found["pt"] * np.sin(found["phi"])).sum(axis=1)
    pz = (found["pt"] * np.sinh(found["eta"])).sum(axis=1)
    return found | {"m": np.sqrt(energy**2 - px**2 - py**2 - pz**2), "pair_pt": np.hypot(px, py)}
