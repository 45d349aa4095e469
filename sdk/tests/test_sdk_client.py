"""The client on a real wire: what it sends, what it makes of answers, and what it does when there are none."""

from __future__ import annotations

import json
import time
import zlib
from pathlib import Path
from typing import Any

import pytest
from openbeam import Client, Run, errors
from openbeam.models import Layout
from openbeam.states import RunState

NOW = "2026-01-02T03:04:05Z"


def run_json(state: str = "running", processed: int = 0, **more: Any) -> dict[str, Any]:
    account = {"events_expected": 2304, "events_processed": processed, "chunks": 2}
    provenance = {
        "function": "z_mumu@1", "function_id": "f", "sha256": "0" * 64, "dataset": "cms-2010-zmumu",
        "doi": "10.7483/X", "params": {}, "endpoint": "local", "environment": None,
    }  # fmt: skip
    return {
        "id": "r1", "state": state, "account": account, "seconds": {"total": 1.5}, "provenance": provenance,
        "created": NOW, **more,
    }  # fmt: skip


def task_json(state: str, **more: Any) -> dict[str, Any]:
    return {"id": "t1", "function": "f", "endpoint": "e", "state": state, "attempts": 1, "created": NOW,
            "started": None, "ended": None, **more}  # fmt: skip


def error_json(kind: str, message: str, **details: Any) -> dict[str, Any]:
    return {"error": {"kind": kind, "message": message, "details": details}}


def update(number: int, run: dict[str, Any], *, name: str = "update") -> bytes:
    data = json.dumps({"run": run, "histograms": {}})
    return f"id: {number}-0\nevent: {name}\ndata: {data}\n\n".encode()


# ------------------------------------------------------------------------------------------------ no service
def test_a_service_that_is_not_there_is_said_in_one_sentence(dead_url: str) -> None:
    with Client(dead_url, token="t") as beam, pytest.raises(errors.ServiceUnavailable) as caught:
        beam.whoami()
    assert str(caught.value) == (
        f"Openbeam's service at {dead_url} does not answer. Start it with `make up`, or set OPENBEAM_URL."
    )
    assert caught.value.details == {"url": dead_url}


def test_waiting_for_a_service_ends(dead_url: str) -> None:
    began = time.monotonic()
    with Client(dead_url, token="t") as beam, pytest.raises(errors.ServiceUnavailable):
        beam.wait_for_service(timeout=0.1)
    assert time.monotonic() - began < 5


def test_a_service_that_comes_up_is_waited_for(wire: Any, beam: Client) -> None:
    starting = wire.reply(error_json("ServiceUnavailable", "The queue is starting."), 503)
    wire.on("GET /health", starting, wire.reply({"status": "degraded"}), wire.reply({"status": "ok"}))
    beam.wait_for_service(timeout=5)
    assert len(wire.seen) == 3


@pytest.mark.parametrize("url", ["ftp://x", "no url", "http://", "http://[::1"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(errors.InvalidInput):
        Client(url)


def test_the_environment_names_the_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENBEAM_URL", "http://beam.example:1234/site/")
    with Client(token="t") as beam:
        assert beam.url == "http://beam.example:1234/site"
    monkeypatch.delenv("OPENBEAM_URL")
    with Client(token="t") as beam:
        assert beam.url == "http://127.0.0.1:8600"


# ------------------------------------------------------------------------------------------------ foreign answers
@pytest.mark.parametrize(
    ("body", "status", "content_type"),
    [
        (b"<html>It works!</html>", 200, "text/html"),
        (b"<html>Bad gateway</html>", 502, "text/html"),
        ({"detail": "Not Found"}, 404, "application/json"),
        ({"error": "no"}, 400, "application/json"),
        ([1, 2], 500, "application/json"),
        (b"[" * 100_000, 500, "application/json"),
        ({"id": "u"}, 200, "application/json"),
        (b"", 302, "text/plain"),
    ],
)
def test_an_answer_that_is_not_openbeams_is_a_service_fault(
    wire: Any, beam: Client, body: Any, status: int, content_type: str
) -> None:
    wire.on("GET /whoami", wire.reply(body, status, content_type))
    with pytest.raises(errors.ServiceFault, match="does not speak Openbeam") as caught:
        beam.whoami()
    assert wire.url in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_error_arrives_as_what_it_was(wire: Any, beam: Client) -> None:
    wire.on("GET /datasets/cms", wire.reply(error_json("UnknownDataset", "No.", name="cms", nearest=["cms-1"]), 404))
    with pytest.raises(errors.UnknownDataset) as caught:
        beam.dataset("cms")
    assert caught.value.details["nearest"] == ["cms-1"]


@pytest.mark.parametrize("ref", ["", " ", ".", ".."])
def test_an_empty_name_is_not_a_list(beam: Client, ref: str) -> None:
    with pytest.raises(errors.UnknownFunction, match="name or the id of the function"):
        beam.function(ref)


def test_a_name_cannot_leave_its_place(wire: Any, beam: Client) -> None:
    wire.on("GET /functions/..%2Fwhoami%3Fx", wire.reply(error_json("UnknownFunction", "No."), 404))
    with pytest.raises(errors.UnknownFunction):
        beam.function("../whoami?x")


def test_a_broken_connection_is_tried_again_for_questions_only(wire: Any, beam: Client) -> None:
    user = {"id": "u", "name": "ada", "role": "student", "scopes": []}
    wire.on("GET /whoami", wire.hang_up, wire.reply(user))
    assert beam.whoami().name == "ada"
    wire.on("POST /tasks", wire.hang_up, wire.reply(task_json("queued")))
    with pytest.raises(errors.ServiceUnavailable):
        beam.run(1, function_id="f")


# ------------------------------------------------------------------------------------------------ who asks
def test_the_token_is_found_in_order(wire: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    user = {"id": "u", "name": "ada", "role": "student", "scopes": []}
    wire.on("GET /whoami", wire.reply(user))

    def sent(token: str | None = None) -> str | None:
        with Client(wire.url, token=token) as beam:
            beam.whoami()
        return wire.seen[-1].headers.get("Authorization")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("OPENBEAM_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("OPENBEAM_TOKEN", raising=False)
    assert sent() is None
    (tmp_path / "data" / "tokens").mkdir(parents=True)
    (tmp_path / "data" / "tokens" / "operator").write_text("obp_op\n")
    assert sent() == "Bearer obp_op"
    (tmp_path / ".config" / "openbeam").mkdir(parents=True)
    (tmp_path / ".config" / "openbeam" / "token").write_text("obp_mine")
    assert sent() == "Bearer obp_mine"
    monkeypatch.setenv("OPENBEAM_TOKEN", "obp_env")
    assert sent() == "Bearer obp_env"
    assert sent("obp_given") == "Bearer obp_given"


@pytest.mark.parametrize("token", ["", " ", "two words", "line\nline", "café"])
def test_what_is_no_token_is_said(token: str) -> None:
    with pytest.raises(errors.NotSignedIn, match="the token argument is not a token"):
        Client("http://127.0.0.1:1", token=token)


# ------------------------------------------------------------------------------------------------ tasks
def test_a_call_sends_its_arguments(wire: Any, beam: Client) -> None:
    wire.on("POST /tasks", wire.reply(task_json("queued"), 201))
    assert beam.run([1, 3, 5], endpoint_id="e", function_id="f", scale=2) == "t1"
    sent = json.loads(wire.seen[-1].body)
    assert sent == {"function": "f", "endpoint": "e", "args": [[1, 3, 5]], "kwargs": {"scale": 2}, "outputs": None}
    beam.run(endpoint_id="e", function_id="f", outputs_to="eos")
    assert json.loads(wire.seen[-1].body)["outputs"] == "eos"


@pytest.mark.parametrize("argument", [object(), float("nan"), {1, 2}, b"bytes", "\ud800"])
def test_arguments_that_are_not_json_do_not_leave(wire: Any, beam: Client, argument: Any) -> None:
    with pytest.raises(errors.InvalidInput):
        beam.run(argument, function_id="f")
    assert not wire.seen


def test_a_result_is_waited_for(wire: Any, beam: Client) -> None:
    wire.on("GET /tasks/t1", wire.reply(task_json("running")), wire.reply(task_json("success", result=9)))
    assert beam.get_result("t1", timeout=5) == 9
    assert "wait=" in wire.seen[0].path


def test_a_result_that_is_not_there_is_pending(wire: Any, beam: Client) -> None:
    wire.on("GET /tasks/t1", wire.reply(task_json("queued")))
    with pytest.raises(errors.TaskPending) as caught:
        beam.get_result("t1", timeout=0)
    assert caught.value.details == {"task_id": "t1", "state": "queued"}
    assert len(wire.seen) == 1
    began = time.monotonic()
    with pytest.raises(errors.TaskPending):
        beam.get_result("t1", timeout=0.3)
    assert 0.3 <= time.monotonic() - began < 3
    assert len(wire.seen) < 8


@pytest.mark.parametrize(
    ("task", "kind"),
    [
        (task_json("failed", error={"kind": "FunctionRaised", "message": "m", "details": {"message": "x", "line": 2}}),
         errors.FunctionRaised),
        (task_json("failed", error={"kind": "TimedOut", "message": "m", "details": {}}), errors.TimedOut),
        (task_json("cancelled"), errors.TaskCancelled),
        (task_json("failed"), errors.TaskError),
    ],
)  # fmt: skip
def test_a_task_without_result_says_why(
    wire: Any, beam: Client, task: dict[str, Any], kind: type[errors.TaskError]
) -> None:
    wire.on("GET /tasks/t1", wire.reply(task))
    with pytest.raises(kind) as caught:
        beam.get_result("t1")
    assert type(caught.value) is kind
    if task.get("error"):
        assert caught.value.details == task["error"]["details"]


# ------------------------------------------------------------------------------------------------ files
def _stored(content: bytes) -> dict[str, Any]:
    checksum = f"adler32:{zlib.adler32(content):08x}"
    return {"key": "k" * 64, "uri": "openbeam://files/k", "size": len(content), "checksum": checksum}


def test_a_file_is_streamed_and_checked(wire: Any, beam: Client, tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    path = tmp_path / "mine.root"
    path.write_bytes(content)
    wire.on("POST /files", wire.reply(_stored(content), 201))
    progress: list[tuple[int, int]] = []
    stored = beam.upload_file(path, lambda sent, size: progress.append((sent, size)))
    assert stored.size == len(content)
    assert wire.seen[-1].body == content
    assert len(progress) == 3
    assert progress[-1] == (len(content), len(content))
    wire.on("POST /files", wire.reply(_stored(b"other bytes"), 201))
    with pytest.raises(errors.ChecksumMismatch, match="Upload it again"):
        beam.upload_file(path)


def test_a_local_file_becomes_a_dataset_like_another(wire: Any, beam: Client, tmp_path: Path) -> None:
    path = tmp_path / "mine.root"
    path.write_bytes(b"root")
    model = {
        "name": "cms-2010-zmumu", "title": "Z", "owner": "operator", "created": NOW, "tree": "events",
        "layout": "flat", "columns": {"M": "mass [GeV]"}, "experiment": "CMS", "collision": "pp, 7 TeV",
        "license": "CC0", "doi": "10.1/x", "recid": "5208",
        "files": [{"uri": "root://x//y", "size": 1, "checksum": "adler32:00000001"}],
    }  # fmt: skip
    wire.on("GET /datasets/cms-2010-zmumu", wire.reply(model))
    wire.on("POST /files", wire.reply(_stored(b"root"), 201))

    def publish(handler: Any) -> None:
        wire.reply({**json.loads(wire.seen[-1].body), "owner": "ada", "created": NOW}, 201)(handler)

    wire.on("POST /datasets", publish)
    added = beam.add_local_file(path, "mine", like="cms-2010-zmumu")
    assert (added.tree, added.layout, added.columns) == ("events", Layout.flat, {"M": "mass [GeV]"})
    assert (added.local, added.doi, added.recid, added.title) == (True, None, None, "mine.root")
    assert "cms-2010-zmumu" in added.notes[0]
    assert added.files[0].uri == "openbeam://files/k"
    assert added.files[0].checksum == f"adler32:{zlib.adler32(b'root'):08x}"
    assert beam.add_local_file(path, "mine").tree == "Events"


def test_a_bad_name_is_known_before_anything_is_sent(wire: Any, beam: Client, tmp_path: Path) -> None:
    path = tmp_path / "mine.root"
    path.write_bytes(b"root")
    with pytest.raises(errors.InvalidInput, match="name is 'My File'"):
        beam.add_local_file(path, "My File")
    with pytest.raises(errors.InvalidInput, match="There is no file"):
        beam.add_local_file(tmp_path / "none.root", "mine")
    with pytest.raises(errors.InvalidInput, match="layout"):
        beam.add_local_file(path, "mine", layout="spiral")
    assert not wire.seen


# ------------------------------------------------------------------------------------------------ runs
def _submitted(wire: Any, beam: Client) -> Run:
    wire.on("POST /runs", wire.reply(run_json("planning"), 201))
    return beam.submit_run("z_mumu", "cms-2010-zmumu", params={"low": 1}, high=2)


def test_parameters_come_either_way(wire: Any, beam: Client) -> None:
    run = _submitted(wire, beam)
    assert json.loads(wire.seen[-1].body)["params"] == {"low": 1, "high": 2}
    assert (run.id, run.state) == ("r1", RunState.planning)


def test_events_go_on_where_the_connection_broke(wire: Any, beam: Client) -> None:
    run = _submitted(wire, beam)
    wire.on(
        "GET /runs/r1/events",
        wire.stream(b"retry: 10\n\n: hello\n\n" + update(1, run_json(processed=100)) + b"id: 9-0\ndata: {cut"),
        wire.hang_up,
        wire.reply(error_json("ServiceUnavailable", "Restarting."), 503),
        wire.stream(update(2, run_json(processed=200)) + update(3, run_json("complete", 2304), name="end") + b"more"),
    )
    updates = list(run.events(timeout=20))
    assert [found.run.account.events_processed for found in updates] == [100, 200, 2304]
    assert run.state is RunState.complete
    asked = [seen.headers.get("Last-Event-ID") for seen in wire.seen[1:]]
    assert asked == [None, "1-0", "1-0", "1-0"]
    assert all(seen.headers["Accept"] == "text/event-stream" for seen in wire.seen[1:])


def test_events_end_in_time_though_the_run_goes_on(wire: Any, beam: Client) -> None:
    run = _submitted(wire, beam)
    wire.on("GET /runs/r1/events", wire.stream(update(1, run_json(processed=100))))
    with pytest.raises(errors.TaskPending, match="It goes on"):
        list(run.events(timeout=0.5))


def test_events_of_something_else_are_a_service_fault(wire: Any, beam: Client) -> None:
    run = _submitted(wire, beam)
    wire.on("GET /runs/r1/events", wire.reply(b"<html>", content_type="text/html"))
    with pytest.raises(errors.ServiceFault):
        list(run.events())
    wire.on("GET /runs/r1/events", wire.stream(b"event: update\ndata: {}\n\n"))
    with pytest.raises(errors.ServiceFault):
        list(run.events())


def test_an_incomplete_run_returns_with_a_warning(wire: Any, beam: Client) -> None:
    run = _submitted(wire, beam)
    wire.on("GET /runs/r1", wire.reply(run_json(processed=1)), wire.reply(run_json("incomplete", 2000)))
    with pytest.warns(UserWarning, match=r"incomplete: 2,000 of 2,304 events"):
        assert run.wait(timeout=5) is run


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_run_without_result_raises_its_first_problem(wire: Any, beam: Client, state: str) -> None:
    run = _submitted(wire, beam)
    problem = {"kind": "FunctionRaised", "message": "division by zero", "details": {"line": 3}}
    wire.on("GET /runs/r1", wire.reply(run_json(state, errors=[problem])))
    with pytest.raises(errors.RunFailed, match="division by zero") as caught:
        run.wait()
    assert caught.value.details["state"] == state
    assert caught.value.details["errors"][0]["details"] == {"line": 3}


def test_a_run_that_takes_longer_is_pending(wire: Any, beam: Client) -> None:
    run = _submitted(wire, beam)
    wire.on("GET /runs/r1", wire.reply(run_json(processed=12)))
    with pytest.raises(errors.TaskPending, match=r"12 of 2,304 events"):
        run.wait(timeout=0)


def test_a_notebook_shows_a_run_escaped(wire: Any, beam: Client) -> None:
    wire.on("GET /runs/r1", wire.reply(run_json(activity="<script>alert(1)</script>")))
    shown = beam.get_run("r1")._repr_html_()
    assert "0 of 2,304 events" in shown
    assert "&lt;script&gt;" in shown
    assert "<script>" not in shown


def test_a_browser_gets_a_url_of_its_own(wire: Any, beam: Client) -> None:
    run = _submitted(wire, beam)
    wire.on("POST /runs/r1/ticket", wire.reply({"url": "http://x/events?ticket=t"}))
    assert run.events_url() == "http://x/events?ticket=t"
