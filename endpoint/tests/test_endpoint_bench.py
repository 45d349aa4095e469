"""An analysis tried in a sandbox before anybody runs it: what is good, and each thing that is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from openbeam.authoring import template
from openbeam.authoring.folder import Folder
from openbeam.authoring.trial import try_out
from openbeam.errors import DataUnavailable
from openbeam.models import DatasetSpec
from openbeam_datasets.record import load_record
from openbeam_datasets.sample import sample_of
from openbeam_endpoint.bench import Bench

CATALOG = Path(__file__).parents[2] / "functions_catalog" / "openbeam_catalog"


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """Give an engine over the first events of record 307; its silence ends with it."""
    before = structlog.get_config()
    with Bench(load_record("cms-2010-zmumu")) as made:
        yield made
    assert structlog.get_config() == before


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the folder of a new analysis of record 307."""
    template.begin(tmp_path / "tried", load_record("cms-2010-zmumu"))
    return tmp_path / "tried"


def test_the_template_runs_at_once(bench: Bench, folder: Path) -> None:
    found = list(try_out(Folder.read(folder), bench))
    assert [one.what for one in found if not one.good] == []
    assert any(one.what.startswith("run: 1,000 events in ") and "µs an event" in one.what for one in found)
    assert any("4 chunks give the same histograms as one" in one.what for one in found)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("values >= params.lowest", "values >= params.lowerst", "run: AttributeError"),
        ("values >= params.lowest", "(", "run: SyntaxError"),
        ("kept = values", "kept = (values - ak.mean(values))", "pieces: e1 of one chunk and of 4 differ"),
        ("return {", "return [", "run: "),
        ("params.bins, 0, 100", "params.bins, 0, 50 - params.lowest", "lowest = 50"),
        (', label="Energy of the first muon [GeV]"', "", "axis e1 has no label"),
        ('        description="How many bins the axis has",\n', "", "parameters: bins has no description"),
    ],
)
def test_each_fault_is_found(bench: Bench, folder: Path, old: str, new: str, expected: str) -> None:
    source = (folder / "analysis.py").read_text()
    assert old in source
    (folder / "analysis.py").write_text(source.replace(old, new, 1))
    found = [one.what for one in try_out(Folder.read(folder), bench) if not one.good]
    assert any(fault.startswith(expected) or expected in fault for fault in found), found


def test_nothing_of_it_runs_outside_the_sandbox(bench: Bench, folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    change = (
        f"import pathlib, contextlib\nwith contextlib.suppress(OSError):\n    pathlib.Path({str(trace)!r}).touch()\n"
    )
    (folder / "analysis.py").write_text((folder / "analysis.py").read_text() + change)
    if bench.isolation == "none":
        pytest.skip("no sandbox works here")
    assert all(one.good for one in try_out(Folder.read(folder), bench))
    assert not trace.exists()


def test_the_command_checks_the_catalog_s_own(tmp_path: Path) -> None:
    program = Path(sys.executable).with_name("openbeam")
    before = set(Path(tmp_path).iterdir())
    done = subprocess.run(
        [program, "functions", "check", CATALOG / "dimuon_spectrum"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert all(line.startswith("✓ ") for line in lines), lines
    assert any("1,000 simulated events" in line for line in lines) or any("1,000 events" in line for line in lines)
    assert "openbeam functions publish" in done.stderr
    assert set(Path(tmp_path).iterdir()) == before


@pytest.mark.parametrize(
    ("about", "why"),
    [
        ({"files": [{"uri": "root://eospublic.cern.ch//eos/x.root", "size": 10**9}]}, "too many for a look"),
        ({"files": [{"uri": "root://eospublic.cern.ch//eos/x.root", "size": 10}]}, "could not be had"),
        ({"files": [{"uri": f"openbeam://files/{'0' * 64}", "size": 10}]}, "kept by the service"),
        ({"files": [], "obtain": "Ask for them."}, "Ask for them"),
    ],
)
def test_a_dataset_without_events_at_hand_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, about: dict[str, Any], why: str
) -> None:
    monkeypatch.setenv("OPENBEAM_OPENDATA_MIRROR", str(tmp_path / "nowhere"))
    for file in about["files"]:
        file["checksum"] = "adler32:00000001"
    with pytest.raises(DataUnavailable, match=rf"{why}.*--sample FILE"):
        sample_of(DatasetSpec.model_validate({"name": "far", "title": "Far", **about}), tmp_path / "fetched")
