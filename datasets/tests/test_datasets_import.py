"""``openbeam datasets import`` with CERN's own records, on a real service, beside what is known of the same records."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from openbeam import Client
from openbeam.cli.app import run_app
from openbeam.models import DatasetSpec, Role
from openbeam.opendata import Wishes, propose
from openbeam_datasets.record import load_records
from support import nursery
from support.opendata_portal import OpenDataPortal, listed, running_portal
from support.service import Service, running_service

DOZEN = {
    "12341": (),
    "12351": (),
    "12358": (),
    "307": (),
    "301": (),
    "5203": (),
    "700": ("--files", "MuRun2010B.csv"),
    "5200": ("--files", "*.csv"),
    "545": ("--files", "Z*.csv"),
    "4900": ("--files", "B2HHH_*"),
    "84000": (),
    "93924": (),
    "15006": ("--files", "data_*"),
    "13102": ("--files", "*_EventInfo.csv"),
    "3827": (),
}
"""Records of different shapes, and what their importer has to decide."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a running service."""
    with running_service(tmp_path_factory.mktemp("home")) as served:
        yield served


@pytest.fixture
def cern() -> Iterator[OpenDataPortal]:
    """Return a portal that has nothing yet."""
    with running_portal() as served:
        yield served


def test_a_record_is_shown_and_added(service: Service, cern: OpenDataPortal) -> None:
    """Needs no official record."""
    cern.add("7", title="Two muons", experiment=["CMS"], date_created=["2011"], license={"attribution": "CC0-1.0"},
             distribution={"number_events": 9}, files=[listed("mumu.csv", 345)])  # fmt: skip
    known = {"OPENBEAM_OPENDATA_API": cern.url, "OPENBEAM_URL": service.url}

    def done(*options: str, token: str = service.token, answer: str = "") -> subprocess.CompletedProcess[str]:
        environment = os.environ | known | {"OPENBEAM_TOKEN": token, "COLUMNS": "200"}
        return nursery.run("openbeam", "datasets", "import", "7", *options, env=environment, typed=answer)

    declined = done(answer="n\n")
    assert (declined.returncode, declined.stdout) == (1, "")
    shown = [line.split(None, 1)[1] for line in declined.stderr.splitlines() if ": " in line]
    assert shown[:4] == ["cms-2011-7", "Two muons", "https://opendata.cern.ch/record/7", "CC0-1.0"]
    assert "1, 345 bytes: mumu.csv" in shown
    student = done("--yes", token=service.user("pupil"))
    assert student.stderr.splitlines()[-1].startswith("error: The role student with this token may not do this.")
    with Client(url=service.url, token=service.token) as client:
        assert not client.datasets()
        added = done("--yes", token=service.user("teacher", Role.teacher))
        assert (added.returncode, added.stdout) == (0, "cms-2011-7\n")
        assert client.dataset("cms-2011-7").events == 9
    assert "Say --yes" in done().stderr
    as_json = done("--yes", "--json", "--name", "other")
    assert json.loads(as_json.stdout)["files"][0]["size"] == 345
    assert "This record is here already, as cms-2011-7." in as_json.stderr


def test_official_records_become_datasets(
    service: Service,
    cern: OpenDataPortal,
    opendata: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cern.add_official(opendata / "records")
    monkeypatch.setenv("OPENBEAM_OPENDATA_API", cern.url)
    monkeypatch.setenv("OPENBEAM_URL", service.url)
    monkeypatch.setenv("OPENBEAM_TOKEN", service.token)
    for recid, options in DOZEN.items():
        assert run_app(["datasets", "import", recid, "--yes", "--json", *options]) == 0, capsys.readouterr().err
        added = DatasetSpec.model_validate(
            {
                key: value
                for key, value in json.loads(capsys.readouterr().out).items()
                if key not in {"owner", "created"}
            }
        )
        official = cern.records[recid]
        by_uri = {file["uri"]: (file["size"], file["checksum"]) for file in official["files"]}
        assert added.files
        assert {file.uri: (file.size, file.checksum) for file in added.files}.items() <= by_uri.items()
        assert (added.recid, added.doi) == (recid, official.get("doi"))
        assert added.license == official.get("license", {}).get("attribution", "")


def test_what_people_wrote_of_the_same_records_is_found_by_itself(cern: OpenDataPortal, opendata: Path) -> None:
    cern.add_official(opendata / "records")
    alike = 0
    for spec in load_records().values():
        if spec.recid not in cern.records or not spec.files or not spec.files[0].uri.startswith("root://"):
            continue
        names = ",".join(file.uri.rpartition("/")[2] for file in spec.files)
        found = propose(spec.doi or spec.recid, Wishes(files=names, tree=spec.tree or None), url=cern.url)
        assert found.recid == spec.recid
        assert found.doi == spec.doi
        assert {file.uri for file in found.files} == {file.uri for file in spec.files}, spec.name
        assert (found.layout, found.tree, found.experiment) == (spec.layout, spec.tree, spec.experiment), spec.name
        assert found.simulated == spec.simulated, spec.name
        alike += 1
    assert alike >= 40


def test_records_without_anything_to_read_are_refused(cern: OpenDataPortal, opendata: Path) -> None:
    cern.add_official(opendata / "records")
    says = {
        "1": "root, aod",
        "24119": "miniaod",
        "320": "zip",
        "5001": "is software",
        "81000": "RAWD",
        "93910": "no files",
    }
    for recid, words in says.items():
        with pytest.raises(ValueError, match=words):
            propose(recid, url=cern.url)
