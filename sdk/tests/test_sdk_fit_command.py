"""``openbeam fit``: runs and files, tables and JSON, figures, and what it says when it cannot."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fit_samples import filled, peak, z_mumu
from openbeam.cli.app import run_app
from openbeam.histograms import to_uhi

NOW = "2026-01-02T03:04:05Z"
PROVENANCE = {
    "function": "z_mumu@3", "function_id": "f", "sha256": "0" * 64, "dataset": "cms-2010-zmumu",
    "doi": "10.7483/OPENDATA.CMS.X", "params": {"bins": 40}, "endpoint": "local", "environment": None,
}  # fmt: skip
ACCOUNT = {"events_expected": 2304, "events_processed": 2304}


def answer(**more: Any) -> dict[str, Any]:
    """Return what ``openbeam run --json`` prints."""
    histograms = {
        "dimuon_mass": to_uhi(filled(z_mumu()["mass"], 40, 70, 110)),
        "muon_pt": to_uhi(filled(z_mumu()["mass"], 10, 0, 200, "pt [GeV]")),
    }
    return {
        "run": "r1",
        "state": "complete",
        "account": ACCOUNT,
        "histograms": histograms,
        "provenance": PROVENANCE,
        **more,
    }


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def openbeam(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command in this process."""

    def call(*arguments: str, stdin: str = "", **environment: str) -> tuple[int, str, str]:
        known = {"COLUMNS": "100", "LINES": "50", "OPENBEAM_TOKEN": "obp_1_s", **environment}
        for name, value in known.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        return (run_app(["fit", *arguments]), *capsys.readouterr())

    return call


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(answer()))
    return str(path)


def test_a_file_is_fitted_and_told_in_a_table_and_sentences(openbeam: Run, file: str) -> None:
    code, said, trouble = openbeam(file, "--signal", "voigt", "--background", "exp", "--range", "75", "105")
    assert (code, trouble) == (0, "")
    lines = said.splitlines()
    assert lines[0] == "dimuon_mass  Dimuon mass [GeV]"
    assert "◆ is the curve" in lines[1]
    row = next(line for line in lines if line.startswith(" 90 "))
    assert "█" in row
    assert "◆" in row
    table = dict(line.split("\t")[::2] for line in lines if "\t" in line)
    assert list(table) == ["signal", "mean", "sigma", "gamma", "background", "slope"]
    assert table["mean"].startswith("90.7")
    assert table["mean"].endswith(" GeV")
    assert any(line.startswith("Breit–Wigner ⊗ Gaussian (Voigt) upon an exponential, 75 to 105 GeV") for line in lines)
    assert any("below the Z0's 91.18" in line and "(PDG 20" in line for line in lines)
    assert lines[-1] == "z_mumu@3 on cms-2010-zmumu, doi:10.7483/OPENDATA.CMS.X, 2,304 of 2,304 events, run r1"
    assert "\x1b" not in said


def test_json_is_one_object_of_standard_input(openbeam: Run) -> None:
    code, said, trouble = openbeam(
        "-", "--json", "--particle", "none", "--fix", "sigma=2.5", stdin=json.dumps(answer())
    )
    assert (code, trouble) == (0, "")
    found = json.loads(said)
    assert (found["run"], found["name"], found["provenance"]["dataset"]) == ("r1", "dimuon_mass", "cms-2010-zmumu")
    fitted = found["fit"]
    assert fitted["comparison"] is None
    assert {one["name"]: one["error"] is None for one in fitted["parameters"]}["sigma"]
    assert len(fitted["bins"]["pulls"]) == len(fitted["bins"]["contents"]) == 40
    assert len(fitted["covariance"]) == len(fitted["parameters"])


def test_simulated_events_are_called_so(openbeam: Run) -> None:
    made = {**PROVENANCE, "simulated": True}
    _, said, _ = openbeam("-", stdin=json.dumps(answer(provenance=made)))
    assert said.splitlines()[1].endswith(", simulated")
    assert ", simulated, 2,304 of 2,304 events, run r1" in said.splitlines()[-1]


@pytest.mark.parametrize("wrap", [lambda uhi: uhi, lambda uhi: {"mass": uhi}])
def test_histograms_alone_are_fitted_too(openbeam: Run, wrap: Callable[[Any], Any]) -> None:
    code, said, _ = openbeam("-", "--signal", "gauss", stdin=json.dumps(wrap(to_uhi(peak()))))
    assert code == 0
    assert "agrees with the J/psi(1S)'s 3.0969" in said or "J/psi(1S)'s 3.0969" in said


def test_the_run_of_a_service_is_fitted(openbeam: Run, wire: Any) -> None:
    whole = answer()
    seconds = {"queued": 0.1, "first_histogram": 0.2, "total": 1.0}
    run = {
        **{name: whole[name] for name in ("state", "account", "provenance")},
        "id": "r1",
        "seconds": seconds,
        "created": NOW,
    }
    wire.on("GET /runs/r1", wire.reply(run))
    wire.on("GET /runs/r1/histograms", wire.reply(whole["histograms"]))
    gone = {"error": {"kind": "UnknownDataset", "message": "There is none.", "details": {}}}
    wire.on("GET /datasets/cms-2010-zmumu", wire.reply(gone, 404))
    code, said, trouble = openbeam("r1", OPENBEAM_URL=wire.url)
    assert (code, trouble) == (0, "")
    assert "Z0's" in said
    wire.on("GET /runs/r1", wire.reply({**run, "state": "running"}))
    code, _, trouble = openbeam("r1", OPENBEAM_URL=wire.url)
    assert code == 1
    assert "has not ended yet" in trouble


def test_figures_are_written_whatever_their_kind(openbeam: Run, file: str, tmp_path: Path) -> None:
    for ending, magic in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        path = tmp_path / f"fit{ending}"
        assert openbeam(file, "--figure", str(path))[0] == 0
        assert path.read_bytes().startswith(magic)
    code, _, trouble = openbeam(file, "--figure", str(tmp_path / "no" / "fit.png"))
    assert (code, trouble) == (1, "error: The figure cannot be written: No such file or directory.\n")


@pytest.mark.parametrize(
    ("arguments", "stdin", "code", "words"),
    [
        (["nothing.json"], "", 1, "There is no file nothing.json."),
        (["-"], "no json", 1, "The file is not JSON."),
        (["-"], "[" * 100_000, 1, "The file is not JSON."),
        (["-"], "{}", 1, "no histogram in UHI JSON"),
        (["-"], '{"mass": {"uhi_schema": 1}}', 1, "This is not a histogram"),
        (["-"], '{"histograms": {}}', 1, "--histogram: none."),
        (["-", "--fix", "sigma=wide"], "{}", 2, "Write sigma=wide as name=number"),
        (["-", "--figure", "fit.exe"], "{}", 2, "ends in .pdf, .png, .svg"),
        (["-", "--range", "70"], "{}", 2, "--range"),
    ],
)
def test_what_is_typed_or_written_wrong_is_one_line(
    openbeam: Run, arguments: list[str], stdin: str, code: int, words: str
) -> None:
    ended, said, trouble = openbeam(*arguments, stdin=stdin)
    assert (ended, said) == (code, "")
    assert words in trouble
    assert trouble.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--histogram", "mass"], "Did you mean dimuon_mass?"),
        (["--signal", "gaus"], "Did you mean gauss?"),
        (["--range", "71", "72"], "entries, too few"),
        (["--particle", "Zed"], "There is no particle named 'Zed'."),
    ],
)
def test_a_fit_that_cannot_be_says_what_to_do(openbeam: Run, file: str, options: list[str], words: str) -> None:
    code, said, trouble = openbeam(file, *options)
    assert (code, said) == (1, "")
    assert words in trouble


def test_the_program_itself_prints_a_fit(file: str) -> None:
    command = [sys.executable, "-c", "import sys; from openbeam.cli import main; sys.exit(main())", "fit", file]
    ascii_only = {**os.environ, "COLUMNS": "80", "PYTHONIOENCODING": "ascii:replace"}
    done = subprocess.run(command, capture_output=True, env=ascii_only, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"o is the curve" in done.stdout
    assert b"mean\tPosition of the peak\t90.7" in done.stdout
