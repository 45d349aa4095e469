"""The command line: results on stdout, one line of trouble on stderr, exit codes, and what a terminal shows."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hist
import pytest
from openbeam.cli.app import run_app
from openbeam.cli.running import parameters
from openbeam.histograms import to_uhi
from typer import BadParameter

NOW = "2026-01-02T03:04:05Z"
OPENBEAM = [sys.executable, "-c", "import sys; from openbeam.cli import main; sys.exit(main())"]


def _environment(url: str, **more: str) -> dict[str, str]:
    return {**os.environ, "OPENBEAM_URL": url, "OPENBEAM_TOKEN": "obp_1_s", "COLUMNS": "80", "LINES": "50", **more}


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def openbeam(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Run commands in this process, which saves starting Python for each."""

    def call(url: str, *arguments: str, **more: str) -> Done:
        for name, value in _environment(url, **more).items():
            monkeypatch.setenv(name, value)
        code = run_app(list(arguments))
        return Done(code, *capsys.readouterr())

    return call


# ------------------------------------------------------------------------------------------------ a run on the wire
def _mass() -> Any:
    mass: Any = hist.Hist(hist.axis.Regular(3, 60, 120, name="mass", label="Dimuon mass [GeV]"), label="Events / bin")
    return mass.fill([91.0, 90.0, 70.0, 200.0])


def _run(state: str, **more: Any) -> dict[str, Any]:
    account = {"events_expected": 2304, "events_processed": 2304 if state == "complete" else 1000, "chunks": 2}
    provenance = {
        "function": "z_mumu@3", "function_id": "f", "sha256": "0" * 64, "dataset": "cms-2010-zmumu",
        "doi": "10.7483/OPENDATA.CMS.X", "params": {}, "endpoint": "local", "environment": None,
    }  # fmt: skip
    seconds = {"queued": 0.1, "first_histogram": 0.25, "total": 1.5}
    return {"id": "r1", "state": state, "account": account, "seconds": seconds, "provenance": provenance,
            "created": NOW, **more}  # fmt: skip


@pytest.fixture
def running(wire: Any) -> Any:
    """Script a service on which one run ends as the test says."""

    def script(state: str, **more: Any) -> str:
        histograms = {"mass": to_uhi(_mass())}
        data = json.dumps({"run": _run(state, **more), "histograms": histograms})
        wire.on("POST /runs", wire.reply(_run("planning"), 201))
        wire.on("GET /runs/r1/events", wire.stream(f"id: 1\nevent: end\ndata: {data}\n\n".encode()))
        wire.on("GET /runs/r1/histograms", wire.reply(histograms))
        return str(wire.url)

    return script


def test_a_complete_run_prints_its_histograms_and_its_account(openbeam: Any, running: Any) -> None:
    done = openbeam(running("complete"), "run", "z_mumu", "--dataset", "cms-2010-zmumu")
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:2] == ["mass  Dimuon mass [GeV]", "Events / bin"]
    assert [line.split("│")[0].strip() for line in lines[2:6]] == ["60", "80", "100", "120"]
    assert [line.rsplit(" ", 1)[-1] for line in lines[2:5]] == ["1", "2", "0"]
    assert lines[6] == "not drawn: 1 above"
    assert "complete  2,304 of 2,304 events" in lines
    assert "z_mumu@3 on cms-2010-zmumu, doi:10.7483/OPENDATA.CMS.X" in lines
    assert lines[-1] == "run r1  first histogram 0.25 s, in all 1.50 s"
    assert "\x1b" not in done.stdout


def test_a_figure_of_simulated_events_says_so(openbeam: Any, running: Any) -> None:
    provenance = {**_run("complete")["provenance"], "dataset": "toy", "doi": None, "simulated": True}
    url = running("complete", provenance=provenance)
    done = openbeam(url, "run", "z_mumu", "--dataset", "toy")
    assert done.stdout.splitlines()[1] == "Events / bin, simulated"
    assert "z_mumu@3 on toy, simulated" in done.stdout.splitlines()
    done = openbeam(running("complete", provenance=provenance), "run", "z_mumu", "--dataset", "toy", "--json")
    assert json.loads(done.stdout)["provenance"]["simulated"] is True


def test_json_is_one_object(openbeam: Any, running: Any, wire: Any) -> None:
    arguments = ["--dataset", "d", "--param", "low=70", "--param", "label=x", "--fresh", "--endpoint", "e", "--json"]
    done = openbeam(running("complete"), "run", "z_mumu", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    answer = json.loads(done.stdout)
    assert set(answer) == {"run", "state", "account", "seconds", "histograms", "provenance", "errors"}
    assert (answer["run"], answer["state"], answer["account"]["events_processed"]) == ("r1", "complete", 2304)
    assert set(answer["account"]) == {
        "events_expected", "events_processed", "events_failed", "events_cancelled", "chunks", "chunks_done",
        "chunks_failed", "chunks_cancelled", "chunks_cached", "retries", "endpoints",
    }  # fmt: skip
    assert set(answer["seconds"]) == {"queued", "first_histogram", "total"}
    assert answer["histograms"]["mass"]["uhi_schema"] == 1
    sent = json.loads(wire.seen[0].body)
    assert sent == {"function": "z_mumu", "dataset": "d", "params": {"low": 70, "label": "x"}, "endpoint": "e",
                    "fresh": True}  # fmt: skip


@pytest.mark.parametrize("state", ["incomplete", "failed"])
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_run_that_is_not_complete_says_why_and_exits_with_1(
    openbeam: Any, running: Any, state: str, options: list[str]
) -> None:
    details = {"line": 7, "code": "x = 1 / 0", "message": "division by zero"}
    problem = {"kind": "FunctionRaised", "message": "ZeroDivisionError: division by zero", "details": details}
    done = openbeam(running(state, errors=[problem]), "run", "z_mumu", "--dataset", "d", *options)
    assert done.returncode == 1
    assert done.stderr == "error: ZeroDivisionError: division by zero (line 7: x = 1 / 0)\n"
    if options:
        assert json.loads(done.stdout)["state"] == state
    else:
        assert f"{state}  1,000 of 2,304 events" in done.stdout
        assert ("Dimuon mass" in done.stdout) == (state == "incomplete")


def test_the_program_itself_ends_with_the_code(running: Any) -> None:
    url = running("complete")
    done = subprocess.run(
        [*OPENBEAM, "run", "z_mumu", "--dataset", "d"], capture_output=True, env=_environment(url), timeout=60,
        check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert "█" in done.stdout.decode()


def test_a_reader_who_has_seen_enough_is_no_trouble(running: Any) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as closed:
        done = subprocess.run(
            [*OPENBEAM, "run", "z_mumu", "--dataset", "d"], stdout=closed, stderr=subprocess.PIPE,
            env=_environment(running("complete")), timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, b"")


def test_whoever_stops_watching_is_told_that_the_run_goes_on(running: Any, wire: Any) -> None:
    url = running("complete")
    asked, over = threading.Event(), threading.Event()

    def silence(handler: Any) -> None:
        wire.stream(b": hello\n\n")(handler)
        handler.wfile.flush()
        asked.set()
        over.wait(30)

    wire.on("GET /runs/r1/events", silence)
    process = subprocess.Popen(
        [*OPENBEAM, "run", "z_mumu", "--dataset", "d"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=_environment(url),
    )  # fmt: skip
    try:
        assert asked.wait(30)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=30)
    finally:
        over.set()
        process.kill()
    said = b"error: no longer watching; run r1 goes on (stop it with: openbeam cancel r1)\n"
    assert (process.returncode, stdout, stderr) == (130, b"", said)


def test_a_terminal_sees_the_bar_and_colours(running: Any) -> None:
    url = running("complete")
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [*OPENBEAM, "run", "z_mumu", "--dataset", "d"], stdin=follower, stdout=follower, stderr=follower,
        env=_environment(url, TERM="xterm-256color"),
    )  # fmt: skip
    os.close(follower)
    seen = b""
    try:
        while chunk := os.read(leader, 4096):
            seen += chunk
    except OSError:  # how Linux says that the other side is closed
        pass
    finally:
        os.close(leader)
    assert process.wait(30) == 0
    shown = seen.decode()
    assert "\x1b[36m█" in shown
    assert "2,304 of 2,304 events" in shown
    assert "planning" in shown


def test_without_a_dataset_the_function_knows_its_own(openbeam: Any, running: Any, wire: Any) -> None:
    url = running("complete")
    function = {
        "id": "f", "name": "z_mumu", "version": 3, "kind": "analysis", "title": "", "description": "", "tags": [],
        "datasets": ["cms-2010-zmumu"], "owner": "operator", "visibility": "public", "sha256": "0", "created": NOW,
        "source": "x", "entrypoint": "analyze", "parameters": {}, "lessons": [], "timeout": 1.0,
    }  # fmt: skip
    wire.on("GET /functions/z_mumu", wire.reply(function))
    assert openbeam(url, "run", "z_mumu", "--json").returncode == 0
    assert json.loads(wire.seen[1].body)["dataset"] == "cms-2010-zmumu"
    wire.on("GET /functions/z_mumu", wire.reply({**function, "datasets": []}))
    done = openbeam(url, "run", "z_mumu")
    assert (done.returncode, done.stderr) == (
        1, "error: z_mumu names no dataset of its own. Choose one with --dataset.\n",
    )  # fmt: skip


# ------------------------------------------------------------------------------------------------ lists
def test_lists_are_tab_separated_for_programs(openbeam: Any, wire: Any) -> None:
    dataset = {
        "name": "cms", "title": "Z\tto\x1b[2J mumu", "owner": "operator", "created": NOW, "events": 2304,
        "doi": "10.1/x", "files": [{"uri": "root://x//y", "size": 178_971, "checksum": "adler32:00000001"}],
    }  # fmt: skip
    wire.on("GET /datasets", wire.reply([dataset]))
    done = openbeam(wire.url, "datasets")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "cms\t2,304\t179.0 kB\tZ to [2J mumu\n"
    wire.on("GET /functions", wire.reply([]))
    done = openbeam(wire.url, "functions", "search", "muon", "pair", "--tag", "cms", "--current")
    assert (done.returncode, done.stdout) == (0, "")
    assert wire.seen[-1].path == "/api/v1/functions?search=muon+pair&tag=cms&deprecated=false"


def test_lists_are_tables_on_a_terminal(openbeam: Any, wire: Any) -> None:
    status = {"workers": 2, "isolation": "docker", "environment": "e1", "version": "0.1.0"}
    endpoint = {
        "id": "e", "name": "[red]local", "description": "", "owner": "operator", "visibility": "public", "online": True,
        "last_seen": NOW, "status": status, "waiting": 3,
    }  # fmt: skip
    offline = {**endpoint, "name": "far", "online": False, "status": None}
    wire.on("GET /endpoints", wire.reply([endpoint, offline]))
    shown = openbeam(wire.url, "endpoints", FORCE_COLOR="1", NO_COLOR="1", TERM="xterm").stdout
    heading, first, second = (line.split() for line in re.sub(r"\x1b\[[0-9;]*m", "", shown).splitlines())
    assert heading == ["Endpoint", "State", "Workers", "Waiting", "Isolation", "Owner", "Id"]
    assert first == ["[red]local", "online", "2", "3", "docker", "operator", "e"]
    assert second == ["far", "offline", "3", "operator", "e"]


def test_a_file_of_ones_own_is_added(openbeam: Any, wire: Any, tmp_path: Path) -> None:
    path = tmp_path / "mine.root"
    path.write_bytes(b"root")
    checksum = f"adler32:{zlib.adler32(b'root'):08x}"
    wire.on("POST /files", wire.reply({"key": "k", "uri": "openbeam://files/k", "size": 4, "checksum": checksum}, 201))

    def publish(handler: Any) -> None:
        wire.reply({**json.loads(wire.seen[-1].body), "owner": "ada", "created": NOW}, 201)(handler)

    wire.on("POST /datasets", publish)
    done = openbeam(wire.url, "datasets", "add", str(path), "--name", "mine", "--tree", "t", "--layout", "flat")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"mine\t4 bytes\t{checksum}\n"
    sent = json.loads(wire.seen[-1].body)
    assert (sent["name"], sent["tree"], sent["layout"], sent["local"]) == ("mine", "t", "flat", True)


def test_a_person_learns_who_they_are(openbeam: Any, wire: Any) -> None:
    user = {"id": "u", "name": "ada", "role": "student", "scopes": ["catalog:read", "tasks:run"]}
    wire.on("GET /whoami", wire.reply(user))
    assert openbeam(wire.url, "whoami").stdout == f"ada\tstudent\tcatalog:read tasks:run\t{wire.url}\n"


# ------------------------------------------------------------------------------------------------ trouble
@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["whoami"], 1, "does not answer. Start it with `make up`"),
        (["datasets"], 1, "does not answer"),
        (["datasets", "add", "/nowhere/x.root", "--name", "x"], 1, "There is no file /nowhere/x.root"),
        (["run"], 2, "Missing argument"),
        (["run", "z_mumu", "--param", "low"], 2, "Write low as name=value"),
        (["run", "z_mumu", "--timeout", "soon"], 2, "--timeout"),
        (["fly"], 2, "No such command 'fly'"),
    ],
)
def test_trouble_is_one_line_and_a_code(
    openbeam: Any, dead_url: str, arguments: list[str], code: int, says: str
) -> None:
    done = openbeam(dead_url, *arguments)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert says in done.stderr


@pytest.mark.parametrize(("debug", "traceback"), [("", False), ("1", True)])
def test_a_fault_shows_no_traceback_unless_asked_for(tmp_path: Path, debug: str, *, traceback: bool) -> None:
    # A working directory that is gone is a mistake that the error tree does not foresee. It goes after the imports,
    # which have troubles of their own with it.
    program = "import os, sys; from openbeam.cli import app, main; os.rmdir(os.getcwd()); sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", program, "whoami"], cwd=tmp_path, capture_output=True,
        encoding="utf-8", env=_environment("", OPENBEAM_TOKEN="", OPENBEAM_HOME="here", OPENBEAM_DEBUG=debug),
        timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert ("Traceback" in done.stderr) is traceback
    if not traceback:
        assert done.stderr.startswith("error: FileNotFoundError")
        assert done.stderr.endswith("Set OPENBEAM_DEBUG=1 to see where.\n")
        assert done.stderr.count("\n") == 1


def test_a_group_alone_is_its_list(openbeam: Any, wire: Any) -> None:
    token = {"id": "t1", "name": "grid job", "scopes": ["tasks:run"], "created": NOW, "expires": NOW, "last_used": None}
    sealed = {"id": "c1", "endpoint": "lab", "name": "eos", "destination": "root://e//a", "kind": "token",
              "created": NOW, "expires": None, "good": True}  # fmt: skip
    for group, kept in (("tokens", token), ("credentials", sealed)):
        wire.on(f"GET /{group}", wire.reply([kept]))
        alone = openbeam(wire.url, group)
        assert (alone.returncode, alone.stderr) == (0, "")
        assert kept["name"] in alone.stdout.split("\t")
        assert alone == openbeam(wire.url, group, "list")


def test_help_comes_without_a_command(openbeam: Any, dead_url: str) -> None:
    done = openbeam(dead_url)
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("whoami", "functions", "datasets", "endpoints", "run"))


@pytest.mark.parametrize(
    ("pair", "value"),
    [("a=1", 1), ("a=1.5", 1.5), ("a=true", True), ('a="1"', "1"), ("a=[1, 2]", [1, 2]), ("a=muon", "muon"),
     ("a=", ""), ("a=b=c", "b=c"), ("a=NaN", "NaN"), ("a=" + "[" * 100_000, "[" * 100_000)],
)  # fmt: skip
def test_a_parameter_is_json_or_text(pair: str, value: Any) -> None:
    assert parameters([pair]) == {"a": value}


@pytest.mark.parametrize("pairs", [["a"], ["=1"], ["a=1", "a=2"]])
def test_a_parameter_is_given_once_by_name(pairs: list[str]) -> None:
    with pytest.raises(BadParameter):
        parameters(pairs)
