"""What is under way, from a notebook and from the command line: stopped, looked at, its errors taken apart."""

from __future__ import annotations

import json
import subprocess
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
from openbeam import Client, errors
from openbeam.models import MAX_PAYLOAD
from support import nursery

NOW = "2026-11-22T12:00:00Z"


def _task(**more: Any) -> dict[str, Any]:
    known = {"id": "t1", "function": "f@1", "endpoint": "e", "state": "success", "attempts": 1}
    return {**known, "created": NOW, "started": NOW, "ended": NOW, **more}


def _openbeam(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {"OPENBEAM_URL": url, "OPENBEAM_TOKEN": "obp_1_secret", "HOME": "/nonexistent", "PATH": ""}
    return nursery.run("openbeam", *arguments, env=environment)


def test_a_call_is_cancelled(beam: Client, wire: Any) -> None:
    wire.on("POST /tasks/t1/cancel", wire.reply(_task(state="cancelled")))
    assert beam.cancel("t1").state == "cancelled"
    with pytest.raises(errors.UnknownTask):
        beam.cancel(" ")


def _run(run_id: str = "r1", **more: Any) -> dict[str, Any]:
    provenance = {
        "function": "z_mumu@3", "function_id": "f", "sha256": "0", "dataset": "d", "doi": None, "params": {},
        "endpoint": "e", "environment": None,
    }  # fmt: skip
    known = {"id": run_id, "state": "complete", "account": {}, "seconds": {}, "provenance": provenance}
    return {**known, "created": NOW, **more}


def test_many_runs_are_asked_for_in_pages(beam: Client, wire: Any) -> None:
    pages = [[_run(f"r{n}") for n in range(100)], [_run(f"s{n}") for n in range(20)]]
    wire.on("GET /runs", *(wire.reply(page) for page in pages))
    found = beam.runs(150, state="complete", function="z_mumu", since=datetime(2026, 1, 1, tzinfo=UTC))
    assert [run.id for run in found] == [run["id"] for page in pages for run in page]
    asked = [parse_qs(seen.path.partition("?")[2]) for seen in wire.seen]
    assert [(one["limit"], one.get("before")) for one in asked] == [(["100"], None), (["50"], ["r99"])]
    assert {(*one["state"], *one["function"]) for one in asked} == {("complete", "z_mumu")}
    with pytest.raises(errors.InvalidInput):
        beam.runs(colour="red")
    with pytest.raises(errors.InvalidInput):
        beam.runs(since=datetime(2026, 1, 1))  # noqa: DTZ001  that it has no zone is the point


def test_a_run_is_stopped_gone_on_with_kept_and_taken_apart(beam: Client, wire: Any) -> None:
    wire.on("GET /runs/r1", wire.reply(_run(state="running")))
    run = beam.get_run("r1")
    wire.on("POST /runs/r1/cancel", wire.reply(_run(state="cancelled")))
    assert run.cancel().state == "cancelled"
    wire.on("POST /runs/r1/resubmit", wire.reply(_run("r2", resubmits="r1"), 201))
    again = run.resubmit(endpoint="lab")
    assert (again.id, again.record.resubmits, run.id) == ("r2", "r1", "r1")
    assert json.loads(wire.seen[-1].body) == {"endpoint": "lab"}
    wire.on("POST /runs/r1/keep", wire.reply(_run(kept=True)))
    assert run.keep().record.kept
    chunk = {
        "id": "c1", "state": "success", "file": "root://x//y", "start": 0, "stop": 10, "endpoint": "e", "worker": "w",
        "attempts": 1, "cached": False, "started": NOW, "ended": NOW, "error": None,
    }  # fmt: skip
    wire.on("GET /runs/r1/chunks", wire.reply([chunk]), wire.reply([]))
    assert [found.stop for found in run.chunks()] == [10]
    assert "after=c1" in wire.seen[-1].path


def test_a_result_that_was_removed_says_so(beam: Client, wire: Any) -> None:
    gone = {"error": {"kind": "ResultGone", "message": "It was removed.", "details": {}}}
    wire.on("GET /tasks/t1", wire.reply(gone, 410))
    with pytest.raises(errors.ResultGone, match="removed"):
        beam.get_result("t1")


def test_the_command_line_lists_and_keeps_runs(wire: Any) -> None:
    wire.on("GET /runs", wire.reply([_run()]))
    done = _openbeam(wire.url, "runs", "--state", "complete", "--since", "2026-01-01")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "r1\tcomplete\tz_mumu@3\td\t0 of 0 events\t2026-11-22 12:00\n"
    assert "since=2026-01-01T00%3A00%3A00Z" in wire.seen[-1].path
    wire.on("GET /runs/r1", wire.reply(_run()))
    wire.on("POST /runs/r1/keep", wire.reply(_run(kept=True)))
    assert _openbeam(wire.url, "keep", "r1").stdout == "r1\tyes\n"


def test_arguments_that_are_too_large_are_not_sent(beam: Client, wire: Any) -> None:
    with pytest.raises(errors.TooLarge, match="at most 1,048,576 are possible") as caught:
        beam.run("x" * MAX_PAYLOAD, function_id="f")
    assert caught.value.details["limit"] == MAX_PAYLOAD
    assert wire.seen == []


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


# ------------------------------------------------------------------------------------------------ quotas
def test_a_quota_is_a_table_or_json(wire: Any) -> None:
    own = {
        "who": "you",
        "runs": {"used": 2, "limit": 50},
        "tasks": {"used": 12_000, "limit": None},
        "cpu_seconds": {"used": 5_400, "limit": 36_000, "frees": NOW},
    }
    none = {"used": 0, "limit": None}
    wire.on("GET /quota", wire.reply([own, {"who": "the class 9b", "runs": none, "tasks": none, "cpu_seconds": none}]))
    shown = _openbeam(wire.url, "quota")
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = [line.split("\t") for line in shown.stdout.splitlines()]
    assert lines[:2] == [["you", "runs under way", "2", "50", ""], ["you", "calls under way", "12,000", "no limit", ""]]
    assert lines[2][:4] == ["you", "hours of CPU time in 24 hours", "1.5", "10"]
    assert datetime.strptime(lines[2][4], "%Y-%m-%d %H:%M").astimezone(UTC).isoformat() == NOW.replace("Z", "+00:00")
    assert {line[0] for line in lines[3:]} == {"the class 9b"}
    told = [json.loads(line) for line in _openbeam(wire.url, "quota", "--json").stdout.splitlines()]
    assert [one["who"] for one in told] == ["you", "the class 9b"]
    assert told[0]["cpu_seconds"]["frees"] == NOW


def test_a_command_that_is_put_off_says_so_and_goes_on(wire: Any) -> None:
    said = {"kind": "QuotaUsedUp", "message": "You have 2 runs.", "details": {"retry_after": 0}}
    put_off = wire.reply({"error": said}, 429, **{"Retry-After": "0"})
    wire.on("POST /tasks/t1/cancel", put_off, wire.reply(_task(state="cancelled")))
    wire.on("GET /runs/t1", wire.reply({"error": {"kind": "UnknownRun", "message": "No.", "details": {}}}, 404))
    done = _openbeam(wire.url, "cancel", "t1")
    assert (done.returncode, done.stdout) == (0, "t1\tcancelled\t\n")
    assert done.stderr == "warning: You have 2 runs. Trying again in 0.1 s.\n"
