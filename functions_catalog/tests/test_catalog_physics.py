"""``make physics`` says what agrees, what does not, and what could not be looked at."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from openbeam.errors import DataUnavailable
from openbeam_catalog.catalog import FOLDER
from openbeam_catalog.reference import load_reference
from physics import table, verdict
from rich.console import Console
from support.at_hand import AtHand
from support.physics import Line, Row, compare, names, remark
from support.readme import README, with_table
from support.runs import Runs

JPSI = "eos/opendata/cms/Run2011A/DoubleMu/CSV/12Oct2013-v1/files/Jpsimumu.csv"
PROGRAM = Path(__file__).parents[2] / "tests" / "physics.py"


def physics(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, PROGRAM, *words],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "120"} | environment,
        timeout=120,
        check=False,
    )


def drawn(rows: list[Row], *, every: bool = False, width: int = 120) -> str:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(table(rows, every=every))
    return console.export_text()


@pytest.fixture(scope="module")
def row(run: Runs) -> Row:
    """Return the row of an analysis whose events everybody has."""
    return compare("z_mumu", run)


def test_what_has_no_events_is_said_and_is_no_miss() -> None:
    done = physics("z_mumu", "dimuon_spectrum", OPENBEAM_TEST_OPENDATA="nowhere", CI="true")
    assert (done.returncode, done.stderr) == (0, "")
    *_, last = done.stdout.strip().splitlines()
    assert last.startswith("1 of 2 analyses agree with others (3 numbers).")
    assert last.endswith("NOT CHECKED, NO EVENTS AT HAND: 1 (dimuon_spectrum).")
    assert "2.2 GB" in done.stdout


def test_one_number_that_disagrees_fails_all(row: Row) -> None:
    first, *others = row.lines
    wrong = replace(row, lines=[first, *others[:-1], Line(others[-1].number, others[-1].found + 1)])
    assert verdict([row], all_at_hand=True) == ("1 of 1 analyses agree with others (3 numbers).", 0)
    said, status = verdict([row, wrong], all_at_hand=False)
    assert (status, said) == (1, "1 of 2 analyses agree with others (6 numbers). DISAGREE: z_mumu.")
    # A row shows its first number, and one that disagrees.
    assert "Muons: two in each pair" not in drawn([row])
    assert "Muons: two in each pair" in drawn([wrong])
    assert "2/3 ✗" in drawn([wrong])


def test_where_all_events_are_at_hand_none_may_be_missing(row: Row) -> None:
    gone = Row(row.name, row.reference, missing="It is nowhere.")
    assert [verdict([gone], all_at_hand=all_at_hand)[1] for all_at_hand in (False, True)] == [0, 1]
    assert "It is nowhere." in drawn([gone])


@pytest.mark.opendata
def test_events_come_from_a_mirror_and_are_kept(
    opendata: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENBEAM_OPENDATA_MIRROR", str(opendata))
    kept = tmp_path / "kept"
    (path,) = AtHand(None, tmp_path / "scratch", kept, 0.3).files("cms-2011-jpsimumu")
    assert path.is_relative_to(kept)
    assert path.read_bytes() == (opendata / JPSI).read_bytes()
    with pytest.raises(DataUnavailable, match=r"2\.6 MB; up to 1\.0 MB are fetched"):
        AtHand(None, tmp_path / "scratch", kept, 0.001).files("cms-2011-jpsimumu")
    monkeypatch.setenv("OPENBEAM_OPENDATA_MIRROR", str(tmp_path / "empty"))
    with pytest.raises(DataUnavailable, match="Jpsimumu"):
        AtHand(None, tmp_path / "scratch", tmp_path / "other", 0.3).files("cms-2011-jpsimumu")


def test_an_analysis_that_raises_is_a_miss(row: Row) -> None:
    broken = Row(row.name, row.reference, failure="KeyError: 'E1'")
    assert verdict([row, broken], all_at_hand=False)[1] == 1
    assert "KeyError: 'E1'" in drawn([broken])


def test_an_unknown_name_gets_the_list() -> None:
    done = physics("z_mumuu")
    assert done.returncode == 2
    assert "no analysis z_mumuu; there are: adl_q1, " in " ".join(done.stderr.split())


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_the_terminal(row: Row, width: int) -> None:
    text = drawn([row], every=True, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    said = " ".join(text.split())
    assert all(word in said for word in ("z_mumu", "cms-2010-zmumu", "2,304", "± 0.1", "3/3 ✓"))


def test_the_readme_has_every_analysis_with_what_it_is_checked_against() -> None:
    text = README.read_text()
    assert text == with_table(text), "Run: make physics PHYSICS=--write-readme"
    for name in names():
        assert f"| [`{name}`]" in text


def test_the_word_simulated_stands_beside_events_that_no_detector_saw() -> None:
    simulated = {name for name in names() if "simulated" in remark(load_reference(FOLDER / name))}
    recorded = {"higgs_4l", "atlas_4l", "jpsi_mumu", "z_mumu", "dimuon_spectrum", "adl_q1"}
    assert {"lhcb_b_hhh", "higgs_tautau", "agc_ttbar"} <= simulated
    assert not recorded & simulated
