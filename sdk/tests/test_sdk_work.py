"""What is under way, from a notebook and from the command line: stopped, looked at, its errors taken apart."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from openbeam import Client, errors

NOW = "2026-11-22T12:00:00Z"


def _task(**more: Any) -> dict[str, Any]:
    known = {"id": "t1", "function": "f@1", "endpoint": "e", "state": "success", "attempts": 1}
    return {**known, "created": NOW, "started": NOW, "ended": NOW, **more}


def _openbeam(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from openbeam.cli import main; sys.exit(main())"
    environment = {"OPENBEAM_URL": url, "OPENBEAM_TOKEN": "obp_1_secret", "HOME": "/nonexistent", "PATH": ""}
    line = [sys.executable, "-c", program, *arguments]
    return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_call_is_cancelled(beam: Client, wire: Any) -> None:
    wire.on("POST /tasks/t1/cancel", wire.reply(_task(state="cancelled")))
    assert beam.cancel("t1").state == "cancelled"
    with pytest.raises(errors.UnknownTask):
        beam.cancel(" ")


def test_output_is_two_texts(beam: Client, wire: Any) -> None:
    wire.on("GET /tasks/t1/output", wire.reply({"stdout": "out", "stderr": "err"}))
    printed = beam.get_output("t1")
    assert (printed.stdout, printed.stderr) == ("out", "err")


def test_what_the_author_raised_can_be_taken_apart(beam: Client, wire: Any) -> None:
    details = {
        "type": "KeyError", "message": "'muon'", "line": 3, "code": "x['muon']", "traceback": "Traceback …",
        "output": "so far",
    }  # fmt: skip
    problem = {"kind": "FunctionRaised", "message": "KeyError on line 3 of f.py: 'muon'", "details": details}
    wire.on("GET /tasks/t1", wire.reply(_task(state="failed", error=problem)))
    with pytest.raises(errors.FunctionRaised) as caught:
        beam.get_result("t1")
    error = caught.value
    assert (error.type, error.original, error.line, error.code) == ("KeyError", "'muon'", 3, "x['muon']")
    assert (error.traceback, error.output) == ("Traceback …", "so far")
    bare = errors.FunctionRaised("It broke.", line="odd")
    assert (bare.type, bare.original, bare.line, bare.output) == ("", "It broke.", None, "")


def test_the_command_line_prints_output_that_steers_nothing(wire: Any) -> None:
    wire.on("GET /tasks/t1/output", wire.reply({"stdout": "one\n\ttwo \x1b[2J\n", "stderr": "err\x9b\n"}))
    done = _openbeam(wire.url, "output", "t1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "one\n\ttwo \ufffd[2J\n", "err\ufffd\n")


def test_the_command_line_cancels_a_call_when_no_run_has_the_id(wire: Any) -> None:
    unknown = {"error": {"kind": "UnknownRun", "message": "No such run.", "details": {}}}
    wire.on("GET /runs/t1", wire.reply(unknown, 404))
    wire.on("POST /tasks/t1/cancel", wire.reply(_task(state="cancelled")))
    done = _openbeam(wire.url, "cancel", "t1")
    assert (done.returncode, done.stdout, done.stderr) == (0, "t1\tcancelled\t\n", "")
