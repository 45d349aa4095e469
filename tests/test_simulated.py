"""Simulated events from the command that makes them to what is printed of them, marked by hand or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import uproot
from openbeam.histograms import from_uhi
from support.stack import Stack


@pytest.fixture(scope="module")
def toy(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of simulated events, added as the dataset ``toy``."""
    path = tmp_path_factory.mktemp("toy") / "toy.root"
    made = stack.run_tool("openbeam", "datasets", "simulate", "--events", "3e4", "-o", str(path), "--add", "toy")
    assert made.returncode == 0, made.stderr
    return path


def test_a_toy_is_analysed_like_real_events_and_the_terminal_says_what_it_is(stack: Stack, toy: Path) -> None:
    done = stack.run_tool("openbeam", "run", "dimuon_spectrum", "--dataset", "toy", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["provenance"]["simulated"] is True
    assert report["account"]["events_processed"] == 30_000
    with uproot.open({toy: "Events"}) as tree:
        columns = tree.arrays(["nMuon", "Muon_charge"])
    pairs = columns[columns["nMuon"] == 2]
    opposite = int(np.sum(np.asarray(pairs["Muon_charge"]).sum(axis=1) == 0))
    assert from_uhi(report["histograms"]["dimuon_mass"]).sum(flow=True) == opposite

    shown = stack.run_tool("openbeam", "run", "dimuon_spectrum", "--dataset", "toy").stdout
    assert "dimuon_spectrum@1 on toy, simulated" in shown
    histograms = report["histograms"]
    assert shown.count("simulated") == len(histograms) + 1, shown


def test_a_file_that_is_added_without_the_mark_says_it_itself(stack: Stack, toy: Path) -> None:
    # Other bytes than those that are known already: of another seed.
    other = toy.with_name("other.root")
    for command in (
        ("simulate", "--events", "1e4", "--seed", "2", "-o", str(other)),
        ("add", str(other), "--name", "unmarked", "--like", "cms-2012-doublemu"),
    ):
        assert stack.run_tool("openbeam", "datasets", *command).returncode == 0
    with stack.client() as client:
        assert not client.dataset("unmarked").simulated
        run = client.submit_run("dimuon_spectrum", "unmarked").wait(60)
    assert run.provenance.simulated
    assert run.provenance.source() == "unmarked, simulated"
