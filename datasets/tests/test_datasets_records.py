"""The records are content: every figure in them is held to CERN's own record, and every column to the file."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from openbeam.errors import InvalidInput, UnknownDataset
from openbeam_datasets.readers import inspect_file
from openbeam_datasets.record import load_record, load_records

NAMES = ["cms-2010-zmumu", "cms-2012-doublemu"]
CSV = "eos/opendata/cms/masterclass-2014/Zmumu.csv"


def official(opendata: Path, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((opendata / "records" / f"{load_record(name).recid}.json").read_text())
    return record


def test_the_records_are_there() -> None:
    assert list(load_records()) == NAMES


def test_an_unknown_name_gets_the_nearest() -> None:
    with pytest.raises(UnknownDataset) as caught:
        load_record("cms-2010-zmum")
    assert caught.value.details["nearest"][0] == "cms-2010-zmumu"


@pytest.mark.parametrize(
    ("change", "field"), [({"events": -1}, "events"), ({"evnts": 3}, "evnts"), ({"files": []}, "files")]
)
def test_a_wrong_record_is_refused_by_field(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    spec = load_record("cms-2010-zmumu").model_dump(mode="json") | change
    (tmp_path / "cms-2010-zmumu.json").write_text(json.dumps(spec))
    with pytest.raises(InvalidInput, match=field) as caught:
        load_records(tmp_path)
    assert caught.value.details == {"file": "cms-2010-zmumu.json", "field": field}


def test_a_record_is_called_as_its_file(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(load_record("cms-2010-zmumu").model_dump_json())
    with pytest.raises(InvalidInput, match=r"cms-2010-zmumu\.json"):
        load_records(tmp_path)


@pytest.mark.opendata
@pytest.mark.parametrize("name", NAMES)
def test_every_figure_is_the_official_one(opendata: Path, name: str) -> None:
    spec, record = load_record(name), official(opendata, name)
    assert spec.recid == record["recid"]
    assert spec.doi == record["doi"]
    assert spec.license == record["license"]["attribution"]
    assert [spec.experiment] == record["experiment"]
    assert [str(spec.year)] == record["date_created"]
    assert spec.events == record["distribution"]["number_events"]


@pytest.mark.opendata
def test_the_file_of_12341_is_the_official_one(opendata: Path) -> None:
    files = [file.model_dump(exclude={"note"}) for file in load_record("cms-2012-doublemu").files]
    assert files == official(opendata, "cms-2012-doublemu")["files"]


@pytest.mark.opendata
def test_the_erratum_of_12341_is_true(opendata: Path) -> None:
    record = official(opendata, "cms-2012-doublemu")
    assert record["run_period"] == ["Run2012A", "Run2012B"]
    assert "Run B and C" in record["abstract"]["description"]
    parents = [json.loads((opendata / "records" / f"{recid}.json").read_text())["title"] for recid in (6004, 6030)]
    assert ["Run2012B" in parents[0], "Run2012C" in parents[1]] == [True, True]
    (note,) = load_record("cms-2012-doublemu").notes
    assert all(word in note for word in ("Run2012A", "Run2012B", "Run2012C", "6004", "6030"))


@pytest.mark.opendata
def test_the_note_of_307_names_the_official_file(opendata: Path) -> None:
    (entry,) = [file for file in official(opendata, "cms-2010-zmumu")["files"] if file["uri"].endswith("Zmumu.csv")]
    note = load_record("cms-2010-zmumu").notes[0]
    assert entry["uri"] in note
    assert f"{entry['size']:,} bytes" in note
    assert entry["checksum"] in note


@pytest.mark.opendata
def test_the_file_of_307_holds_the_same_events_as_the_official_csv(opendata: Path, zmumu: Path) -> None:
    with (opendata / CSV).open(newline="") as text:
        rows = list(csv.DictReader(text))
    with uproot.open(zmumu) as file:
        columns = file["events"].arrays(library="np")
    assert set(columns) == set(rows[0])
    assert len(rows) == load_record("cms-2010-zmumu").events
    for name, values in columns.items():
        told = [row[name] for row in rows]
        same = list(values) == told if name == "Type" else np.array_equal(values, np.array(told, dtype=float))
        assert same, name
    assert len({(row["Run"], row["Event"]) for row in rows}) == 500


def test_the_columns_of_307_are_those_of_the_file(zmumu: Path) -> None:
    spec = load_record("cms-2010-zmumu")
    facts = inspect_file(zmumu, spec.tree)
    assert facts.columns == list(spec.columns)
    assert facts.entries == spec.events


@pytest.mark.opendata
def test_the_columns_of_12341_are_those_of_the_file(opendata: Path) -> None:
    spec = load_record("cms-2012-doublemu")
    facts = inspect_file(opendata / "samples" / "cms-2012-doublemu-100k.root", spec.tree)
    assert facts.columns == list(spec.columns)
    assert facts.entries == 100_000
