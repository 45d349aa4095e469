"""Commands that another package brings: offered where it is installed, and a sentence where it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from openbeam import extras
from openbeam.cli.app import run_app


@pytest.mark.parametrize("events", ["2500", "2.5e3", "2_500"])
def test_simulated_events_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str], events: str) -> None:
    output = tmp_path / "toy.root"
    assert run_app(["datasets", "simulate", "--events", events, "-o", str(output)]) == 0
    path, written, _ = capsys.readouterr().out.strip().split("\t")
    assert (path, written) == (str(output), "2,500")
    assert output.read_bytes()[:4] == b"root"


@pytest.mark.parametrize("events", ["0", "1.5", "many", "1e99", "inf"])
def test_not_any_number_of_events(tmp_path: Path, capsys: pytest.CaptureFixture[str], events: str) -> None:
    assert run_app(["datasets", "simulate", "--events", events, "-o", str(tmp_path / "toy.root")]) != 0
    assert capsys.readouterr().err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(extras, "entry_points", lambda **_: ())
    assert run_app(["datasets", "simulate", "--events", "10", "-o", str(tmp_path / "toy.root")]) == 1
    assert "pip install openbeam-datasets" in capsys.readouterr().err
