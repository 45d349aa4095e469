"""The records are content: every figure in them is held to CERN's own record, and every column to the file."""

from __future__ import annotations

import csv
import json
import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import uproot
from openbeam.errors import InvalidInput, UnknownDataset
from openbeam.models import Layout
from openbeam_datasets.readers import inspect_file
from openbeam_datasets.record import load_record, load_records
from support.official import first_file

RECORDS = load_records()
CSV = "eos/opendata/cms/masterclass-2014/Zmumu.csv"
PACKAGED = {"cms-2010-zmumu"}
"""Their file comes from a Python package: the record's own has the same events in another format."""
AT_HAND = [
    "cms-2010-jpsiee",
    "cms-2010-jpsimumu",
    "cms-2010-upsilonee",
    "cms-2010-zee",
    "cms-2011-jpsimumu",
    "cms-2011-zee",
    "cms-2011-zmumu",
    "cms-2012-higgs4l",
    "atlas-2015-4l",
    "lhcb-2017-phasespace",
]
"""An official file of theirs is beside the repository, or can be made of what is."""

OFFICIAL = [name for name, spec in RECORDS.items() if spec.recid]

every = pytest.mark.parametrize("name", RECORDS)


def official(opendata: Path, name: str) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((opendata / "records" / f"{load_record(name).recid}.json").read_text())
    return record


def test_a_record_is_one_that_a_reader_can_read() -> None:
    assert len(RECORDS) >= 40
    assert {spec.experiment for spec in RECORDS.values()} == {"CMS", "ATLAS", "LHCb", "OPERA", "TOTEM"}
    for name, spec in RECORDS.items():
        assert re.fullmatch(r"(cms|atlas|lhcb|alice|opera|totem|delphi)-(20[0-9]{2}-)?[a-z0-9-]+", name)
        assert name.startswith(spec.experiment.lower())
        assert str(spec.year) in name or spec.year is None
        assert (spec.tree == "") == (spec.layout is Layout.csv)
        suffix = (".csv", ".csv.gz") if spec.layout is Layout.csv else ".root"
        assert all(file.uri.endswith(suffix) for file in spec.files)


@every
def test_a_teacher_can_read_it(name: str) -> None:
    spec = RECORDS[name]
    assert 10 <= len(spec.title) <= 80
    assert 120 <= len(spec.description) <= 1_000
    assert all(text.endswith(".") for text in (spec.description, *spec.notes))
    assert not re.search(r"[<>]|\s\s|^\s|\s$", spec.description)
    assert all(meaning and not meaning.endswith(".") for meaning in spec.columns.values())
    assert spec.link.removeprefix("https://doi.org/").startswith("10.7483/") or spec.link.endswith(f"/{spec.recid}")


def test_nothing_is_in_two_datasets() -> None:
    assert len({spec.title for spec in RECORDS.values()}) == len(RECORDS)
    files = [file.uri for spec in RECORDS.values() for file in spec.files]
    assert len(set(files)) == len(files)


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
@pytest.mark.parametrize("name", OFFICIAL)
def test_every_figure_is_the_official_one(opendata: Path, name: str) -> None:
    spec, record = RECORDS[name], official(opendata, name)
    assert spec.recid == record["recid"]
    simulated = "nanoaodsim-reduced" in record["distribution"]["formats"] or "Simulation" in spec.files[0].uri
    simulated |= "built from official ATLAS full-detector simulation" in record["abstract"]["description"]
    assert spec.simulated == simulated
    assert spec.doi == record.get("doi")
    assert spec.license == record.get("license", {}).get("attribution", "")
    assert [spec.experiment] == record["experiment"]
    assert spec.year is None or str(spec.year) in record.get("date_created", [str(spec.year)])
    if told := record.get("collision_information"):
        assert spec.collision == f"{told['type']}, {told['energy'].replace('TeV', ' TeV')}"
    if spec.events != (told := record["distribution"].get("number_events")):
        # A part of the record, or another count: then the record's number is in a note.
        assert spec.events is None or name in AT_HAND
        assert told is None or told == 1 or f"{told:,}" in " ".join(spec.notes)


@pytest.mark.opendata
@pytest.mark.parametrize("name", sorted(set(OFFICIAL) - PACKAGED))
def test_every_file_is_an_official_one(opendata: Path, name: str) -> None:
    known = {file["uri"]: (file["size"], file["checksum"]) for file in official(opendata, name)["files"]}
    for file in RECORDS[name].files:
        assert (file.size, file.checksum) == known[file.uri], file.uri


@pytest.mark.opendata
@pytest.mark.parametrize("name", AT_HAND)
def test_the_columns_are_those_of_the_file(opendata: Path, name: str, tmp_path: Path) -> None:
    spec = RECORDS[name]
    path = first_file(opendata, spec, tmp_path)
    assert path is not None
    known = {(file.size, file.checksum) for file in spec.files}
    assert (path.stat().st_size, f"adler32:{zlib.adler32(path.read_bytes()):08x}") in known
    facts = inspect_file(path, spec.tree)
    assert facts.columns == list(spec.columns)
    assert len(spec.files) > 1 or facts.entries == spec.events


@pytest.mark.opendata
def test_the_erratum_of_12341_is_true(opendata: Path) -> None:
    record = official(opendata, "cms-2012-doublemu")
    assert record["run_period"] == ["Run2012A", "Run2012B"]
    assert "Run B and C" in record["abstract"]["description"]
    parents = [json.loads((opendata / "records" / f"{recid}.json").read_text())["title"] for recid in (6004, 6030)]
    assert ["Run2012B" in parents[0], "Run2012C" in parents[1]] == [True, True]
    (note,) = load_record("cms-2012-doublemu").notes
    assert all(word in note for word in ("Run2012A", "Run2012B", "Run2012C", "6004", "6030"))
    # The later release of the same collisions has a record a period; together they have as many events.
    periods = [RECORDS[f"cms-2012-higgs4l-doublemu-{period}"].events or 0 for period in "bc"]
    assert sum(periods) == RECORDS["cms-2012-doublemu"].events


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


# ------------------------------------------------------------------------------------------------ no record of its own
def test_all_but_one_dataset_are_records() -> None:
    assert set(RECORDS) - set(OFFICIAL) == {"cms-2012-singlemu"}


def test_a_dataset_that_cannot_be_fetched_says_how_to_come_by_it(tmp_path: Path) -> None:
    spec = load_record("cms-2012-singlemu")
    assert (spec.files, spec.recid) == ([], None)
    assert "root://eospublic.cern.ch//eos/root-eos/benchmark/Run2012B_SingleMu.root" in spec.obtain
    (tmp_path / f"{spec.name}.json").write_text(spec.model_copy(update={"obtain": ""}).model_dump_json())
    with pytest.raises(InvalidInput, match="say in obtain") as caught:
        load_records(tmp_path)
    assert caught.value.details["field"] == "files"


@pytest.mark.opendata
def test_the_singlemu_file_is_described_by_its_columns_and_by_the_records_that_it_comes_from(opendata: Path) -> None:
    spec = load_record("cms-2012-singlemu")
    facts = inspect_file(opendata / "samples" / "cms-2012b-singlemu-1000.root", spec.tree)
    assert facts.columns == list(spec.columns)
    parent, sister = (json.loads((opendata / "records" / f"{recid}.json").read_text()) for recid in (6021, 31127))
    assert (spec.doi, spec.license) == (parent["doi"], parent["license"]["attribution"])
    assert spec.events == sister["distribution"]["number_events"]
    assert f"{parent['distribution']['number_events']:,}" in spec.notes[0]
