"""What the records' notes say is wrong with an official record is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from openbeam_datasets.record import load_record

pytestmark = pytest.mark.opendata


def official(opendata: Path, recid: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((opendata / "records" / f"{recid}.json").read_text())
    return record


def abstract(record: dict[str, Any]) -> str:
    text: str = record["abstract"]["description"]
    return text


def test_5202_counts_otherwise_than_it_says(opendata: Path) -> None:
    record = official(opendata, "5202")
    assert "100k events" in abstract(record)
    assert record["distribution"]["number_events"] == 83_761
    assert "100,000 events; its number of events is 83,761" in load_record("cms-2011-dimuon-singlemu").notes[0]


def test_401_counts_otherwise_than_it_says(opendata: Path) -> None:
    record = official(opendata, "401")
    assert "about 60k events" in abstract(record)
    assert record["distribution"]["number_events"] == 53_948


@pytest.mark.parametrize(("recid", "file"), [("5209", "diphoton.csv"), ("5210", "4lepton.csv")])
def test_one_file_has_two_years(opendata: Path, recid: str, file: str) -> None:
    whole, part = official(opendata, "300"), official(opendata, recid)
    sums = [one["checksum"] for record in (whole, part) for one in record["files"] if one["uri"].endswith(f"/{file}")]
    assert len(sums) == 2
    assert sums[0] == sums[1]
    assert (whole["date_created"], part["date_created"]) == (["2011", "2012"], ["2011"])


def test_203_has_more_luminosity_than_there_was(opendata: Path) -> None:
    assert "50 fb" in abstract(official(opendata, "203"))


@pytest.mark.parametrize("recid", ["12358", "12359"])
def test_recorded_collisions_are_said_to_have_generated_particles(opendata: Path, recid: str) -> None:
    record = official(opendata, recid)
    assert record["distribution"]["formats"] == ["root", "nanoaod-reduced"]
    assert {"Muon_genPartIdx", "Tau_genPartIdx"} <= {one["variable"] for one in record["dataset_semantics"]}


def test_a_checksum_may_have_lost_a_zero(opendata: Path) -> None:
    """Whoever reads records by program meets this; no dataset here has the file."""
    (entry,) = [one for one in official(opendata, "13102")["files"] if one["uri"].endswith("_DaughterIPs.csv")]
    assert entry["checksum"] == "adler32:ba001e8"


@pytest.mark.parametrize("recid", ["328", "554"])
def test_the_size_of_a_compressed_file_is_that_of_its_content(opendata: Path, recid: str) -> None:
    record = official(opendata, recid)
    assert record["distribution"]["size"] > 2 * sum(one["size"] for one in record["files"])
