"""The toy of record 12341: beside the real events of that record, and as a file that programs read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from numpy.typing import NDArray
from openbeam.errors import InvalidInput
from openbeam.models import Layout
from openbeam_datasets.readers import inspect_file, open_events
from openbeam_datasets.simulate import events as drawing
from openbeam_datasets.simulate import simulate, write

EVENTS = 250_000
MUON = 0.10566


@dataclass(frozen=True)
class Muons:
    """The number of muons of each event, and of events with two the charges and the mass [GeV], in plain numpy."""

    counts: NDArray[Any]
    opposite: NDArray[Any]
    mass: NDArray[Any]

    def share(self, low: float, high: float) -> tuple[float, float]:
        """Return which part of the opposite pairs has a mass in a window, and the uncertainty of that."""
        inside = (self.mass[self.opposite] > low) & (self.mass[self.opposite] < high)
        return _share(inside)

    def median(self, low: float, high: float) -> float:
        mass = self.mass[self.opposite]
        return float(np.median(mass[(mass > low) & (mass < high)]))


def _share(chosen: NDArray[Any]) -> tuple[float, float]:
    part = float(chosen.mean())
    return part, (part * (1 - part) / len(chosen)) ** 0.5


def _read(path: Path) -> Muons:
    with uproot.open(path) as file:
        columns = file["Events"].arrays(library="np")
    counts = columns["nMuon"].astype(int)
    pairs = counts == 2
    pt, eta, phi, charge = (
        np.stack(columns[f"Muon_{name}"][pairs]).astype(float) for name in ("pt", "eta", "phi", "charge")
    )
    parts = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)])
    energy = np.sqrt((parts**2).sum(axis=0) + MUON**2).sum(axis=1)
    squared = energy**2 - (parts.sum(axis=2) ** 2).sum(axis=0)
    return Muons(counts, charge.sum(axis=1) == 0, np.sqrt(np.maximum(squared, 0)))


@pytest.fixture(scope="module")
def toy_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("toy") / "toy.root"
    simulate(path, events=EVENTS, seed=20)
    return path


@pytest.fixture(scope="module")
def toy(toy_file: Path) -> Muons:
    return _read(toy_file)


@pytest.fixture(scope="module")
def real(opendata: Path) -> Muons:
    return _read(opendata / "samples" / "cms-2012-doublemu-100k.root")


# ------------------------------------------------------------------------------------------------ beside real events
@pytest.mark.opendata
@pytest.mark.parametrize("muons", range(9))
def test_events_have_as_many_muons_as_real_ones(toy: Muons, real: Muons, muons: int) -> None:
    (part, error), (real_part, real_error) = _share(toy.counts == muons), _share(real.counts == muons)
    assert abs(part - real_part) < 5 * np.hypot(error, real_error)


@pytest.mark.opendata
def test_as_many_pairs_have_opposite_charges(toy: Muons, real: Muons) -> None:
    (part, error), (real_part, real_error) = _share(toy.opposite), _share(real.opposite)
    assert abs(part - real_part) < 5 * np.hypot(error, real_error)


@pytest.mark.opendata
@pytest.mark.parametrize(
    ("low", "high", "tolerance"),
    [
        (0.74, 0.82, 0.008),
        (0.98, 1.06, 0.008),
        (3.0, 3.2, 0.008),
        (3.6, 3.77, 0.02),
        (9.3, 9.6, 0.02),
        (9.9, 10.2, 0.03),
        (10.25, 10.5, 0.03),
        (85.0, 97.0, 0.6),  # muons radiate, and those of the toy do not
    ],
)
def test_peaks_stand_where_the_real_ones_do(toy: Muons, real: Muons, low: float, high: float, tolerance: float) -> None:
    assert abs(toy.median(low, high) - real.median(low, high)) < tolerance
    (part, error), (real_part, real_error) = toy.share(low, high), real.share(low, high)
    assert abs(part - real_part) < 5 * np.hypot(error, real_error) + 0.1 * real_part


def test_resonances_are_peaks_and_not_only_entries(toy: Muons) -> None:
    for peak, beside in (((3.0, 3.2), (3.3, 3.5)), ((9.35, 9.55), (8.7, 8.9)), ((89.0, 93.0), (75.0, 79.0))):
        assert toy.share(*peak)[0] > 2 * toy.share(*beside)[0]


# ------------------------------------------------------------------------------------------------ as a file
def test_the_same_seed_gives_the_same_events_and_another_one_others(toy: Muons, tmp_path: Path) -> None:
    short, other = tmp_path / "short.root", tmp_path / "other.root"
    simulate(short, events=1_000, seed=20)
    simulate(other, events=1_000, seed=21)
    assert np.array_equal(_read(short).counts, toy.counts[:1_000])
    pairs = len(_read(short).mass)
    assert np.array_equal(_read(short).mass, toy.mass[:pairs])
    assert not np.array_equal(_read(other).counts, toy.counts[:1_000])


def test_columns_are_those_of_the_record(toy_file: Path, toy: Muons) -> None:
    facts = inspect_file(toy_file, "Events")
    assert facts.entries == EVENTS
    assert facts.columns == ["nMuon", "Muon_pt", "Muon_eta", "Muon_phi", "Muon_mass", "Muon_charge"]
    with open_events(toy_file, tree="Events", layout=Layout.nanoaod, start=100, stop=600) as events:
        assert [len(muons) for muons in events.Muon.pt] == toy.counts[100:600].tolist()
        assert {charge for muons in events.Muon.charge for charge in muons} == {-1, 1}


def test_a_file_says_of_itself_that_it_is_simulated(toy_file: Path, zmumu: Path) -> None:
    assert inspect_file(toy_file, "Events").simulated
    assert not inspect_file(zmumu, "events").simulated


@pytest.mark.parametrize("title", ["Simulated by hand", "Events"])
def test_an_rntuple_says_it_in_its_description(tmp_path: Path, title: str) -> None:
    path = tmp_path / "tuple.root"
    with uproot.recreate(path) as file:
        file.mkrntuple("Events", {"x": np.arange(3.0)}, description=title)
    assert inspect_file(path, "Events").simulated == title.startswith("Simulated")


def test_clusters_are_whole_blocks_and_as_large_as_those_of_the_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert write._BLOCKS_A_CLUSTER * drawing.BLOCK == 822_000
    monkeypatch.setattr(write, "_BLOCKS_A_CLUSTER", 1)
    simulate(tmp_path / "cut.root", events=100_000)
    assert inspect_file(tmp_path / "cut.root", "Events").offsets == [0, drawing.BLOCK, 100_000]


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    def stop(_done: int, _all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate(tmp_path / "toy.root", events=10, on_progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    (tmp_path / "toy.root").write_text("mine")
    with pytest.raises(InvalidInput, match="there already"):
        simulate(tmp_path / "toy.root", events=10)
    assert (tmp_path / "toy.root").read_text() == "mine"
    with pytest.raises(InvalidInput, match="cannot be written"):
        simulate(tmp_path / "toy.root" / "inside.root", events=10)


@pytest.mark.parametrize("wrong", [{"events": 0}, {"events": 10**10}, {"events": 1, "seed": -1}])
def test_numbers_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(InvalidInput, match="must be from"):
        simulate(tmp_path / "toy.root", **wrong)
    assert list(tmp_path.iterdir()) == []
