"""The eight ADL queries equal a second implementation, bin by bin, whatever the sliders say."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from openbeam_catalog.catalog import load_function
from openbeam_datasets.record import load_record
from support import adl
from support.runs import Files, Runs

pytestmark = pytest.mark.opendata

EVENTS = 1000


@pytest.fixture(scope="module")
def events(events_files: Callable[[str], list[Path]]) -> list[adl.Event]:
    """Return the benchmark's first events, a dictionary each."""
    (path,) = events_files("cms-2012-singlemu")
    return adl.read(path)


@pytest.mark.parametrize(
    ("query", "params", "settings"),
    [
        ("adl_q1", {"bins": 40, "high": 1000}, {}),
        ("adl_q1", {"trigger": "a lone muon of 24 GeV"}, {"trigger": "IsoMu24"}),
        ("adl_q1", {"trigger": "the same, not near the beam"}, {"trigger": "IsoMu24_eta2p1"}),
        ("adl_q1", {"trigger": "a muon of 17 GeV and a tau"}, {"trigger": "IsoMu17_eta2p1_LooseIsoPFTau20"}),
        ("adl_q2", {"jets": "hardest", "high": 500}, {"last": 1}),
        ("adl_q2", {"jets": "all but the hardest"}, {"first": 1}),
        ("adl_q3", {"border": 2.5}, {"border": 2.5}),
        ("adl_q3", {"side": "near the beam"}, {"outside": True}),
        ("adl_q4", {"jets": 0}, {"wanted": 0}),
        ("adl_q4", {"jets": 3, "min_pt": 15}, {"wanted": 3, "min_pt": 15}),
        ("adl_q4", {"jets": 1, "count": "exactly"}, {"wanted": 1, "exactly": True}),
        ("adl_q5", {"charge": "same"}, {"same": True}),
        ("adl_q5", {"mass_low": 0, "mass_high": 300}, {"low": 0, "high": 300}),
        ("adl_q6", {"mass": 100, "bins": 33}, {"mass": 100}),
        ("adl_q6", {"choose": "highest momentum"}, {"hardest": True}),
        ("adl_q7", {"distance": 0}, {"distance": 0}),
        ("adl_q7", {"distance": 1.5, "leptons": "muons"}, {"distance": 1.5, "kinds": ("Muon",)}),
        ("adl_q7", {"leptons": "electrons", "min_lepton_pt": 0}, {"kinds": ("Electron",), "min_lepton": 0}),
        ("adl_q7", {"min_jet_pt": 15}, {"min_jet": 15}),
        ("adl_q8", {"mass": 10}, {"mass": 10}),
        ("adl_q8", {"pair": "muons"}, {"kinds": ("Muon",)}),
        ("adl_q8", {"pair": "electrons", "bins": 10}, {"kinds": ("Electron",)}),
    ],
    ids=str,
)
def test_a_query_bin_by_bin(
    run: Runs, events: list[adl.Event], query: str, params: dict[str, Any], settings: dict[str, Any]
) -> None:
    found = run(query, 0, EVENTS, **params)
    assert set(found) == set(adl.FIGURES[query])
    for name, figure in adl.FIGURES[query].items():
        low, high = found[name].axes[0].edges[[0, -1]]
        assert (low, high) == (figure.low, params.get("high", figure.high))
        values = [value for event in events for value in figure.values(event, **settings)]
        edges = np.linspace(low, high, params.get("bins", figure.bins) + 1)
        assert np.array_equal(found[name].values(flow=True), np.histogram(values, [-np.inf, *edges, np.inf])[0])
        assert found[name].sum(flow=True) == len(values) > 0


@pytest.mark.parametrize(
    ("query", "settings"),
    [
        ("adl_q1", [{}, {"trigger": "IsoMu24"}]),
        ("adl_q2", [{}, {"last": 1}]),
        ("adl_q3", [{}, {"outside": True}]),
        (
            "adl_q4",
            [
                {},
                {"wanted": 0, "exactly": True},
                {"wanted": 3},
                {"min_pt": 100},
                {"wanted": 1},
                {"wanted": 1, "exactly": True},
            ],
        ),
        ("adl_q5", [{}, {"same": True}]),
        ("adl_q6", [{}]),
        (
            "adl_q7",
            [{}, {"distance": 0}, {"kinds": ("Muon",)}, {"kinds": ("Electron",)}, {"min_jet": 15}, {"min_jet": 60}],
        ),
        ("adl_q8", [{}, {"kinds": ("Muon",)}, {"kinds": ("Electron",)}]),
    ],
)
def test_a_lesson_counts_what_the_second_implementation_counts(
    events: list[adl.Event], query: str, settings: list[dict[str, Any]]
) -> None:
    (lesson,) = load_function(query).lessons
    told = set(re.findall(r"\b\d[\d,]*\b", lesson.markdown))
    (figure, *_) = adl.FIGURES[query].values()
    for one in settings:
        values = [value for event in events for value in figure.values(event, **one)]
        assert f"{len(values):,}" in told, one
    # The middle of the whole is in every lesson, as people say it.
    assert str(round(np.median([value for event in events for value in figure.values(event)]))) in told


@pytest.fixture(scope="module")
def fewer_columns(events_files: Callable[[str], list[Path]], tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return a function from a dataset to the benchmark's events with the columns of that dataset alone."""
    (path,) = events_files("cms-2012-singlemu")
    folder = tmp_path_factory.mktemp("columns")

    @cache
    def find(dataset: str) -> list[Path]:
        wanted = set(load_record(dataset).columns)
        with uproot.open({path: "Events"}) as tree:
            found = {name: tree[name].array() for name in wanted.intersection(tree.keys())}
        lists: dict[str, dict[str, Any]] = {name[1:]: {} for name in found if name.startswith("n")}
        flat = {}
        for name, values in found.items():
            collection, _, part = name.partition("_")
            if collection in lists:
                lists[collection][part] = values
            elif name[1:] not in lists:
                flat[name] = values
        with uproot.recreate(folder / f"{dataset}.root") as file:
            branches = flat | {name: ak.zip(parts) for name, parts in lists.items()}
            types = {name: branch.type.content for name, branch in branches.items()}
            file.mktree("Events", types, counter_name=lambda name: f"n{name}").extend(branches)
        return [folder / f"{dataset}.root"]

    return find


@pytest.mark.parametrize("query", sorted(adl.FIGURES))
def test_a_query_needs_no_column_that_another_of_its_datasets_lacks(
    run: Runs, fewer_columns: Files, query: str
) -> None:
    _, *others = load_function(query).datasets
    whole = run(query, 0, EVENTS)
    for dataset in others:
        assert Runs(fewer_columns)(query, 0, EVENTS, dataset=dataset) == whole
    # What is fetched by itself has no electrons, which the last two ask for.
    assert bool(others) == (query < "adl_q7")
