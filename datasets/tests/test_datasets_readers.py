"""Readers: what is in a file, and its events, lazily and to the last one."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import awkward as ak
import numpy as np
import pytest
import uproot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openbeam.errors import DataUnavailable, InvalidInput
from openbeam.models import Layout
from openbeam_datasets.readers import inspect_file, open_events

CLUSTERS = [0, 400, 500, 1200]
KINEMATICS = ["pt", "eta", "phi", "mass"]


@pytest.fixture(scope="module")
def muons(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file in the layout of record 12341, with three clusters of known length."""
    random = np.random.default_rng(1)
    path = tmp_path_factory.mktemp("muons") / "0123abcd-42"
    with uproot.recreate(path) as file:
        for start, stop in pairwise(CLUSTERS):
            counts = random.integers(0, 4, stop - start)
            flat = {name: random.exponential(10, counts.sum()).astype(np.float32) for name in KINEMATICS}
            flat["charge"] = random.choice([-1, 1], counts.sum()).astype(np.int32)
            muon = ak.zip({name: ak.unflatten(values, counts) for name, values in flat.items()})
            piece = {"Muon": muon, "seen": np.arange(start, stop)}
            if start == 0:
                types = {"Muon": piece["Muon"].type, "seen": np.int64}
                file.mktree("Events", types, counter_name=lambda name: f"n{name}")
                file.mktree("runs/Runs", {"run": np.int64})
            file["Events"].extend(piece)
    return path


def read(path: Path, start: int, stop: int) -> tuple[list[Any], list[int]]:
    with open_events(path, tree="Events", layout=Layout.nanoaod, start=start, stop=stop) as events:
        return ak.to_list(events.Muon.pt), ak.to_list(events.seen)


def test_facts_of_a_file(muons: Path) -> None:
    facts = inspect_file(muons, "Events")
    assert facts.entries == 1200
    assert facts.offsets == CLUSTERS
    assert set(facts.columns) == {"nMuon", "Muon_charge", "seen", *(f"Muon_{name}" for name in KINEMATICS)}


def test_a_tree_without_events(muons: Path) -> None:
    facts = inspect_file(muons, "runs/Runs")
    assert (facts.entries, facts.offsets, facts.columns) == (0, [0], ["run"])


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 1200), max_size=4))
def test_chunks_are_the_whole_wherever_it_is_cut(muons: Path, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 1200]
    parts = [read(muons, start, stop) for start, stop in pairwise(edges)]
    whole = read(muons, 0, 1200)
    assert whole[1] == list(range(1200))
    assert [value for part in parts for value in part[0]] == whole[0]
    assert [value for part in parts for value in part[1]] == whole[1]


def test_the_reader_agrees_with_uproot(muons: Path) -> None:
    with uproot.open({muons: "Events"}) as tree:
        assert read(muons, 0, 1200)[0] == ak.to_list(tree["Muon_pt"].array())


def test_a_flat_file_has_a_field_a_column(zmumu: Path) -> None:
    with open_events(zmumu, tree="events", layout=Layout.flat, start=10, stop=20) as events:
        assert len(events) == 10
        mass = np.sqrt(
            (events.E1 + events.E2) ** 2
            - (events.px1 + events.px2) ** 2
            - (events.py1 + events.py2) ** 2
            - (events.pz1 + events.pz2) ** 2
        )
        assert ak.all(abs(mass - events.M) < 1e-6)
        assert set(ak.to_list(events.Type)) <= {"GG", "GT", "TT"}


def test_only_what_is_used_is_read(zmumu: Path) -> None:
    with open_events(zmumu, tree="events", layout=Layout.flat, start=0, stop=2304) as events:
        ak.max(events.E1)
        read_yet = {name: events.layout.content(name).is_all_materialized for name in ("E1", "E2", "M")}
    assert read_yet == {"E1": True, "E2": False, "M": False}


def test_after_the_block_nothing_is_read(zmumu: Path) -> None:
    with open_events(zmumu, tree="events", layout=Layout.flat, start=0, stop=2304) as events:
        kept = events
    with pytest.raises(OSError, match="closed"):
        ak.max(kept.E1)


def test_an_empty_range(zmumu: Path, muons: Path) -> None:
    with open_events(zmumu, tree="events", layout=Layout.flat, start=7, stop=7) as events:
        assert (len(events), ak.to_list(events.E1)) == (0, [])
    assert read(muons, 500, 500) == ([], [])


def test_files_made_for_outreach_are_read_without_a_warning(muons: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read(muons, 0, 5)[0]) == 5


@pytest.mark.parametrize(("start", "stop"), [(0, 1201), (-1, 5), (6, 5), (1201, 1202)])
def test_a_range_outside_the_tree_is_refused(muons: Path, start: int, stop: int) -> None:
    with pytest.raises(InvalidInput, match="has 1,200 events") as caught:
        read(muons, start, stop)
    assert caught.value.details == {"start": start, "stop": stop, "entries": 1200}


def test_an_unknown_tree_gets_the_nearest(muons: Path) -> None:
    with pytest.raises(InvalidInput, match="Did you mean Events") as caught:
        inspect_file(muons, "events")
    assert caught.value.details["nearest"] == ["Events"]
    with pytest.raises(InvalidInput, match=r"It has: Events, runs/Runs\.") as caught:
        inspect_file(muons, "zzz")
    assert caught.value.details["known"] == ["Events", "runs/Runs"]


def test_a_folder_of_the_file_is_no_tree(muons: Path) -> None:
    with pytest.raises(InvalidInput, match="has no tree named 'runs'"):
        inspect_file(muons, "runs")


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(DataUnavailable, match="is not here"):
        inspect_file(tmp_path / "0123abcd-42", "events")


@pytest.mark.parametrize("content", [b"", b"root", b"not a ROOT file at all, but long enough to look at" * 40])
def test_a_file_that_is_not_root(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(InvalidInput, match="cannot be read as ROOT data"):
        inspect_file(tmp_path / "file", "events")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 178_970), st.binary(min_size=1, max_size=40))
def test_a_damaged_file_is_refused_or_read(zmumu: Path, tmp_path: Path, where: int, damage: bytes) -> None:
    content = bytearray(zmumu.read_bytes())
    content[where : where + len(damage)] = damage
    (tmp_path / "file").write_bytes(content)
    try:
        facts = inspect_file(tmp_path / "file", "events")
    except InvalidInput:
        return
    assert facts.offsets == sorted({0, *facts.offsets, facts.entries})


def test_a_name_with_a_colon_is_a_name(muons: Path, tmp_path: Path) -> None:
    odd = tmp_path / "a:Events"
    shutil.copy(muons, odd)
    assert inspect_file(odd, "Events").entries == 1200


@pytest.mark.opendata
def test_the_sample_of_record_12341(opendata: Path) -> None:
    path = opendata / "samples" / "cms-2012-doublemu-100k.root"
    facts = inspect_file(path, "Events")
    assert (facts.entries, facts.offsets) == (100_000, [0, 100_000])
    with open_events(path, tree="Events", layout=Layout.nanoaod, start=0, stop=100_000) as events:
        assert ak.sum(ak.num(events.Muon)) == 235_286


@pytest.mark.opendata
def test_an_rntuple_is_read_like_a_tree(opendata: Path) -> None:
    path, tree = (
        opendata / "samples" / "cms-2012-doublemu-1000-rntuple.root",
        opendata / "samples" / "cms-2012-doublemu-100k.root",
    )
    facts = inspect_file(path, "Events")
    assert (facts.entries, facts.offsets[0], facts.offsets[-1]) == (1000, 0, 1000)
    values = []
    for place in (path, tree):
        with open_events(place, tree="Events", layout=Layout.nanoaod, start=0, stop=1000) as events:
            values.append(ak.to_list(events.Muon.pt))
    assert values[0] == values[1]


@pytest.mark.opendata
def test_a_full_nanoaod_file(opendata: Path) -> None:
    start, stop = 37, 150
    path = opendata / "samples" / "cms-2015-ttbar-nanoaod-200.root"
    facts = inspect_file(path, "Events")
    assert (facts.entries, facts.offsets) == (200, [0, 200])
    with (
        warnings.catch_warnings(action="error"),
        open_events(path, tree="Events", layout=Layout.nanoaod, start=start, stop=stop) as events,
        uproot.open({path: "Events"}) as tree,
    ):
        assert ak.all(ak.num(events.Jet) == tree["nJet"].array()[start:stop])
        for column in ("Jet_pt", "Jet_btagCSVV2", "Muon_tightId", "MET_pt", "run"):
            collection, _, name = column.partition("_")
            found = events[collection] if not name else events[collection, name]
            assert ak.all(found == tree[column].array()[start:stop]), column
        # What one collection says of another is followed: the jet that a muon is in.
        near = events.Muon.matched_jet.delta_r(events.Muon)
        assert ak.max(near) < 0.4
        assert ak.count(near) > 5


@pytest.mark.opendata
def test_a_physlite_file(opendata: Path) -> None:
    start, stop = 31, 77
    path = opendata / "samples" / "atlas-physlite-100.root"
    facts = inspect_file(path, "CollectionTree")
    assert (facts.entries, facts.offsets) == (100, [0, 100])
    with (
        warnings.catch_warnings(action="error"),
        open_events(path, tree="CollectionTree", layout=Layout.physlite, start=start, stop=stop) as events,
        uproot.open({path: "CollectionTree"}) as tree,
    ):
        for collection in ("Electrons", "Muons"):
            for name in ("pt", "eta", "charge"):
                column = tree[f"Analysis{collection}AuxDyn.{name}"].array()[start:stop]
                assert ak.all(events[collection, name] == column), (collection, name)
        two = events.Electrons[ak.num(events.Electrons) == 2]
        told = np.sqrt(
            2
            * two.pt[:, 0]
            * two.pt[:, 1]
            * (np.cosh(two.eta[:, 0] - two.eta[:, 1]) - np.cos(two.phi[:, 0] - two.phi[:, 1]))
        )
        assert ak.all(abs((two[:, 0] + two[:, 1]).mass - told) < 1)  # MeV


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("openbeam_datasets.files", ["coffea", "uproot", "awkward", "numpy"]),
        ("openbeam_datasets.record", ["coffea", "httpx", "numpy"]),
        ("openbeam_datasets.cli", ["coffea", "httpx", "numpy"]),
        ("openbeam_datasets.readers", ["coffea.processor", "dask", "matplotlib", "pandas", "parsl"]),
    ],
)
def test_imports_stay_light(module: str, absent: list[str]) -> None:
    code = f"import sys, {module}; print(*[name for name in {absent!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"
