"""The main job: real events through REST, queue, agent, engine, Parsl and gatherer, checked bin by bin."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skhep_testdata
import uproot
from openbeam import Client
from openbeam.histograms import from_uhi
from openbeam.states import RunState
from support.stack import Stack

MUON_MASS = 0.1056583755  # GeV, PDG 2024


def compute_sum(items: list[int]) -> int:
    """Sum up the items (the paper's Listing 2)."""
    return sum(items)


def four_vector_mass(columns: dict[str, Any]) -> np.ndarray:
    """Mass of the pair, GeV, from the energies and momenta of record 307's columns."""
    total = [columns[f"{part}1"] + columns[f"{part}2"] for part in ("E", "px", "py", "pz")]
    return np.sqrt(np.maximum(total[0] ** 2 - total[1] ** 2 - total[2] ** 2 - total[3] ** 2, 0.0))


def pair_mass(pt: np.ndarray, eta: np.ndarray, phi: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """Mass of the pairs, GeV, from arrays of shape (pairs, 2)."""
    px, py, pz = pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)
    energy = np.sqrt(px**2 + py**2 + pz**2 + mass**2)
    total = [part.sum(axis=1) for part in (energy, px, py, pz)]
    return np.sqrt(np.maximum(total[0] ** 2 - total[1] ** 2 - total[2] ** 2 - total[3] ** 2, 0.0))


def in_all_bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Counts a bin, with underflow first and overflow last."""
    return np.histogram(values, np.concatenate(([-np.inf], edges, [np.inf])))[0]


def test_first_light_shows_a_histogram_and_the_account(stack: Stack) -> None:
    terminal = stack.terminal()
    assert stack.portal_url in terminal
    assert f"{stack.url}/setup/" in terminal
    assert "2,304 of 2,304 events" in terminal
    assert any("█" in line or "▌" in line or "▏" in line for line in stack.lines), terminal


def test_z_mumu_equals_numpy_and_peaks_at_the_z(stack: Stack) -> None:
    done = stack.run_tool("openbeam", "run", "z_mumu", "--dataset", "cms-2010-zmumu", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["state"] == RunState.complete
    assert report["account"]["events_expected"] == report["account"]["events_processed"] == 2304
    assert {"chunks", "chunks_cached", "retries"} <= report["account"].keys()
    assert {"queued", "first_histogram", "total"} <= report["seconds"].keys()

    histogram = from_uhi(report["histograms"]["dimuon_mass"])
    with uproot.open({skhep_testdata.data_path("uproot-Zmumu.root"): "events"}) as tree:
        columns = tree.arrays([f"{part}{which}" for part in ("E", "px", "py", "pz") for which in (1, 2)], library="np")
        official = tree["M"].array(library="np")
    edges = histogram.axes[0].edges
    counted = np.asarray(histogram.values(flow=True))
    assert counted.sum() == 2304
    np.testing.assert_array_equal(counted, in_all_bins(four_vector_mass(columns), edges))
    assert gaussian_peak(counted[1:-1], edges) == pytest.approx(90.70, abs=0.1)
    assert gaussian_peak(np.histogram(official, edges)[0], edges) == pytest.approx(90.70, abs=0.1)


def gaussian_peak(counts: np.ndarray, edges: np.ndarray) -> float:
    """Mean of a Gaussian fitted to the bins between 80 and 100 GeV (least squares, Poisson weights)."""
    from scipy.optimize import curve_fit

    centres = (edges[1:] + edges[:-1]) / 2
    inside = (centres > 80) & (centres < 100) & (counts > 0)

    def bell(x: np.ndarray, height: float, mean: float, width: float) -> np.ndarray:
        return height * np.exp(-(((x - mean) / width) ** 2) / 2)

    start = [counts.max(), 91.0, 2.5]
    best, _ = curve_fit(bell, centres[inside], counts[inside], start, sigma=np.sqrt(counts[inside]))
    return float(best[1])


@pytest.fixture(scope="module")
def first_100k(stack: Stack, doublemu: Path) -> str:
    """Record 12341's first 100,000 events, added by the command line as a local file."""
    name = "first-100k"
    added = stack.run_tool("openbeam", "datasets", "add", str(doublemu), "--name", name, "--like", "cms-2012-doublemu")
    assert added.returncode == 0, added.stderr
    return name


@pytest.mark.opendata
def test_dimuon_spectrum_equals_numpy(operator: Client, doublemu: Path, first_100k: str) -> None:
    dataset = operator.dataset(first_100k)
    assert dataset.local
    assert dataset.files[0].checksum == "adler32:e435b6f3"

    run = operator.submit_run("dimuon_spectrum", first_100k)
    updates = list(run.events())
    run.wait(60)
    assert run.state == RunState.complete
    assert run.account.events_processed == run.account.events_expected == 100_000
    assert run.account.chunks > 2
    filling = [update.run.account.events_processed for update in updates]
    assert filling == sorted(filling)
    assert filling[-1] == 100_000

    with uproot.open({doublemu: "Events"}) as tree:
        columns = tree.arrays(["nMuon", "Muon_pt", "Muon_eta", "Muon_phi", "Muon_mass", "Muon_charge"])
    pairs = columns[columns["nMuon"] == 2]
    opposite = pairs[pairs["Muon_charge"][:, 0] * pairs["Muon_charge"][:, 1] < 0]
    assert (len(pairs), len(opposite)) == (48_976, 37_183)
    cutflow = run.histograms["cutflow"]
    counts = {str(cutflow.axes[0].value(i)): int(cutflow.values()[i]) for i in range(cutflow.axes[0].size)}
    assert 48_976 in counts.values()
    assert 37_183 in counts.values()

    histogram = run.histograms["dimuon_mass"]
    kinematics = [np.asarray(opposite[f"Muon_{part}"], dtype="f8") for part in ("pt", "eta", "phi", "mass")]
    expected = in_all_bins(pair_mass(*kinematics), histogram.axes[0].edges)
    np.testing.assert_array_equal(np.asarray(histogram.values(flow=True)), expected)
    assert expected.sum() == 37_183


def test_the_same_run_again_comes_from_the_cache(operator: Client) -> None:
    first = operator.submit_run("z_mumu", "cms-2010-zmumu")
    first.wait(60)
    again = operator.submit_run("z_mumu", "cms-2010-zmumu")
    again.wait(60)
    assert again.account.chunks_cached == again.account.chunks == 1
    assert again.account.events_processed == 2304
    assert again.histograms == first.histograms


def test_listing_2_of_the_paper(stack: Stack) -> None:
    with stack.client(stack.person("student").token) as client:
        endpoint_id = client.endpoint("local").id
        function_id = client.register_function(compute_sum, description="A summation function")
        task_id = client.run([1, 3, 5], endpoint_id=endpoint_id, function_id=function_id)
        assert client.get_result(task_id) == 9


def test_the_command_line_lists_what_there_is(stack: Stack) -> None:
    expected = {
        "whoami": ["operator", "admin"],
        "functions": ["z_mumu", "dimuon_spectrum"],
        "datasets": ["cms-2010-zmumu", "cms-2012-doublemu"],
        "endpoints": ["local"],
    }
    for command, words in expected.items():
        done = stack.run_tool("openbeam", command)
        assert done.returncode == 0, done.stderr
        for word in words:
            assert word in done.stdout
