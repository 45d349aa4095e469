"""Functions and endpoints from Python and from the command line: what is asked of the service, and what is shown."""

from __future__ import annotations

import base64
import json
import pickle
import sys
import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from openbeam import Client, source
from openbeam.cli.app import run_app
from openbeam.errors import InvalidInput
from openbeam.models import CodeFormat, Visibility
from openbeam.signature import docstring_of, parameters_from

NOW = "2026-11-01T12:00:00Z"
FUNCTION = {
    "id": "f-id", "name": "z_mumu", "version": 3, "kind": "analysis", "title": "Z", "description": "", "tags": [],
    "datasets": ["cms"], "owner": "ada", "visibility": "class", "classes": ["9b"], "sha256": "0" * 64, "created": NOW,
    "source": "def analyze(): ...", "entrypoint": "analyze", "parameters": {"properties": {"low": {}}},
    "lessons": [{"language": language, "title": "-", "markdown": "-"} for language in ("en", "fr", "eo")],
    "timeout": 1.0, "deprecated": {"reason": "It was wrong.", "successor": "z_mumu@4", "since": NOW},
}  # fmt: skip
SUMMARY = {key: value for key, value in FUNCTION.items()
           if key not in {"source", "entrypoint", "parameters", "lessons", "timeout"}}  # fmt: skip
ENDPOINT = {
    "id": "e-id", "name": "lab", "description": "", "owner": "ada", "visibility": "private", "online": False,
    "last_seen": None, "status": None, "waiting": 0, "labels": {"site": "desy", "gpu": "no"},
    "approval": {"state": "requested", "note": ""},
    "policy": {"users": "all", "functions": ["ada/z_mumu"], "environments": []},
}  # fmt: skip


def _asked(wire: Any) -> tuple[str, str, Any]:
    seen = wire.seen[-1]
    return seen.method, seen.path, json.loads(seen.body) if seen.body else None


def test_a_client_asks_for_what_its_methods_say(wire: Any) -> None:
    for route in ("PUT /functions/z_mumu@3/sharing", "PUT /functions/f-id/deprecation", "GET /functions/f-id"):
        wire.on(route, wire.reply(FUNCTION))
    wire.on("GET /functions", wire.reply([SUMMARY]))
    with Client(wire.url, token="t") as client:
        assert client.share_function("z_mumu@3", "class", ["9b"]).classes == ["9b"]
        assert _asked(wire)[2] == {"visibility": "class", "classes": ["9b"]}
        (found,) = client.functions("muons", class_="9b", deprecated=True, limit=5)
        assert _asked(wire)[1] == "/api/v1/functions?limit=5&search=muons&class=9b&deprecated=true"
        client.deprecate_function(found, "It was wrong.")
        assert _asked(wire) == (
            "PUT", "/api/v1/functions/f-id/deprecation", {"reason": "It was wrong.", "successor": None},
        )  # fmt: skip
        for wrong in ({"colour": "red"}, {"limit": 0}, {"kind": "x"}):
            with pytest.raises(InvalidInput):
                client.functions(**wrong)
        with pytest.raises(InvalidInput, match="name the classes"):
            client.share_function("f", Visibility.class_)


def test_who_runs_what_is_deprecated_is_warned(wire: Any) -> None:
    task = {
        "id": "t", "function": "f@1", "endpoint": "e", "state": "queued", "attempts": 0, "created": NOW,
        "started": None, "ended": None, "notices": ["f@1 is deprecated: It was wrong."],
    }  # fmt: skip
    wire.on("POST /tasks", wire.reply(task))
    with Client(wire.url, token="t") as client, pytest.warns(UserWarning, match="f@1 is deprecated") as caught:
        client.run(1, function_id="f")
    assert caught[0].filename == __file__
    wire.on("POST /tasks", wire.reply({**task, "notices": []}))
    with Client(wire.url, token="t") as client, warnings.catch_warnings():
        warnings.simplefilter("error")
        client.run(1, function_id="f")


def test_closures_travel_as_pickled_code_when_asked_for(wire: Any) -> None:
    factor = 3
    wire.on("POST /functions", wire.reply(FUNCTION))
    with Client(wire.url, token="t") as client:
        client.register_function(lambda x: factor * x, name="triple", pickle=True, tags=["toy"])
    spec = _asked(wire)[2]
    assert (spec["name"], spec["format"], spec["tags"]) == ("triple", "pickle", ["toy"])
    assert spec["python"] == f"{sys.version_info.major}.{sys.version_info.minor}"
    assert spec["entrypoint"].isidentifier()
    assert pickle.loads(base64.b64decode(spec["source"]))(2) == 6
    with pytest.raises(InvalidInput, match="cannot be pickled"):
        source.from_pickle(_holds_a_lock())
    assert source.from_pickle(len).format is CodeFormat.pickle


def _holds_a_lock() -> Any:
    import threading

    lock = threading.Lock()
    return lambda: lock


def _badly_hinted(a, d=1):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN202, ARG001
    return a


_badly_hinted.__annotations__["d"] = "no such thing"


def _hinted(a: int, b: float = 2.5, *args: int, c: list[str] = None, d: slice = None, **more: int) -> int:  # type: ignore[assignment]  # noqa: ARG001, RUF013
    """Do nothing.

    At length.
    """
    return a


def test_type_hints_become_a_schema() -> None:
    assert parameters_from(_hinted) == {
        "type": "object",
        "properties": {
            "a": {"type": "integer"},
            "b": {"type": "number", "default": 2.5},
            "c": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None},
            "d": {"default": None},
        },
        "required": ["a"],
    }
    properties = {"a": {}, "d": {"default": 1}}
    assert parameters_from(_badly_hinted) == {"type": "object", "properties": properties, "required": ["a"]}
    assert docstring_of(_hinted) == "Do nothing.\n\nAt length."


# ------------------------------------------------------------------------------------------------ command line
@pytest.fixture
def openbeam(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run commands in this process, which saves starting Python for each."""

    def call(url: str, *arguments: str) -> SimpleNamespace:
        for name, value in {"OPENBEAM_URL": url, "OPENBEAM_TOKEN": "obp_1_secret", "NO_COLOR": "1"}.items():
            monkeypatch.setenv(name, value)
        code = run_app(list(arguments))
        out, err = capsys.readouterr()
        return SimpleNamespace(returncode=code, stdout=out, stderr=err)

    return call


def test_functions_are_shown_and_shared_from_the_command_line(openbeam: Any, wire: Any) -> None:
    wire.on("GET /functions/z_mumu", wire.reply(FUNCTION))
    shown = openbeam(wire.url, "functions", "show", "z_mumu").stdout
    for line in (
        "Function\tz_mumu@3",
        f"SHA-256\t{'0' * 64}",
        "Deprecated\tIt was wrong. Use z_mumu@4.",
        "Seen by\t9b",
        "Lessons\tEnglish, Français, eo",
    ):
        assert line in shown.splitlines()
    assert openbeam(wire.url, "functions", "show", "z_mumu", "--source").stdout == "def analyze(): ...\n"
    wire.on("GET /functions/z_mumu/versions", wire.reply([SUMMARY, {**SUMMARY, "version": 2, "format": "pickle"}]))
    lines = openbeam(wire.url, "functions", "versions", "z_mumu").stdout.splitlines()
    assert [line.split("\t")[:2] for line in lines] == [["z_mumu@3", "analysis"], ["z_mumu@2", "pickled code"]]
    wire.on("PUT /functions/z_mumu/sharing", wire.reply(FUNCTION))
    assert openbeam(wire.url, "functions", "share", "z_mumu", "--class", "9b").returncode == 0
    assert _asked(wire)[2] == {"visibility": "class", "classes": ["9b"]}
    for options in ([], ["--public", "--private"], ["--class", "9b", "--public"]):
        done = openbeam(wire.url, "functions", "share", "z_mumu", *options)
        assert (done.returncode, "choose one of" in done.stderr) == (2, True)


def test_endpoints_are_governed_from_the_command_line(openbeam: Any, wire: Any) -> None:
    wire.on("GET /endpoints/lab", wire.reply(ENDPOINT))
    wire.on("PATCH /endpoints/e-id", wire.reply(ENDPOINT))
    wire.on("POST /endpoints/lab/approve", wire.reply(ENDPOINT))
    shown = openbeam(wire.url, "endpoints", "show", "lab").stdout.splitlines()
    for line in ("Public\trequested", "Functions\tada/z_mumu", "Labels\tsite=desy, gpu=no", "Seen by\tprivate"):
        assert line in shown
    assert openbeam(wire.url, "endpoints", "policy", "lab", "--users", "owner").returncode == 0
    assert _asked(wire)[2]["policy"] == {"users": "owner", "functions": ["ada/z_mumu"], "environments": []}
    openbeam(wire.url, "endpoints", "policy", "lab", "--any-function")
    assert _asked(wire)[2]["policy"]["functions"] == []
    wrong = openbeam(wire.url, "endpoints", "policy", "lab", "--function", "not a rule")
    assert (wrong.returncode, "functions.0" in wrong.stderr) == (1, True)
    openbeam(wire.url, "endpoints", "label", "lab", "gpu=", "room=12")
    assert _asked(wire)[2]["labels"] == {"site": "desy", "room": "12"}
    openbeam(wire.url, "endpoints", "decline", "lab", "--note", "Too small.")
    assert _asked(wire)[2] == {"approve": False, "note": "Too small."}


def test_a_deprecated_analysis_says_so_in_one_line(openbeam: Any, wire: Any) -> None:
    account = {"events_expected": 1, "events_processed": 1, "chunks": 1, "chunks_done": 1}
    provenance = {
        "function": "z_mumu@3", "function_id": "f-id", "sha256": "0", "dataset": "cms", "doi": None, "params": {},
        "endpoint": "lab", "environment": None,
    }  # fmt: skip
    run = {
        "id": "r", "state": "complete", "account": account, "seconds": {}, "provenance": provenance, "created": NOW,
        "notices": ["z_mumu@3 is deprecated: It was wrong. Use z_mumu@4 instead."],
    }  # fmt: skip
    wire.on("POST /runs", wire.reply(run))
    wire.on("GET /runs/r", wire.reply(run))
    wire.on("GET /runs/r/histograms", wire.reply({}))
    update = json.dumps({"run": run, "histograms": {}})
    wire.on("GET /runs/r/events", wire.stream(f"event: end\nid: 1\ndata: {update}\n\n".encode()))
    done = openbeam(wire.url, "run", "z_mumu", "--dataset", "cms", "--json")
    assert done.returncode == 0
    assert "warning: z_mumu@3 is deprecated: It was wrong. Use z_mumu@4 instead." in done.stderr.splitlines()
    assert ".py" not in done.stderr
