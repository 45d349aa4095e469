from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from openbeam.models import Role
from service_analyses import (
    FINAL,
    OFFSETS,
    SMALL,
    body_of,
    chunks,
    finish,
    size,
    submit,
    wait,
    watch,
)
from service_kit import Agent, Machine, body, chunk_result, histogram, total

ENDPOINT = "runs"
pytestmark = pytest.mark.usefixtures("published")


def test_a_run_of_several_chunks_completes_and_its_histograms_add_up(
    operator: httpx.Client, agent: Agent, analysis: str
) -> None:
    run = submit(operator, analysis, "both", params={"low": 70})
    run = finish(operator, agent, run["id"])
    assert run["state"] == "complete"
    account = run["account"]
    assert (account["events_expected"], account["events_processed"], account["events_failed"]) == (840_000, 840_000, 0)
    assert account["chunks"] == account["chunks_done"] > 4
    assert account["endpoints"] == {"runs": account["chunks"]}
    assert run["provenance"]["params"] == {"low": 70, "bins": 30}
    assert run["provenance"]["environment"] == "sha256:abc"
    assert run["provenance"]["doi"] == "10.1/x"
    seconds = run["seconds"]
    assert 0 <= seconds["queued"] <= seconds["first_histogram"] <= seconds["total"]
    histograms = operator.get(f"/runs/{run['id']}/histograms").json()
    assert total(histograms) == 840_000


def test_what_the_agent_gets_is_what_the_run_asked_for(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = submit(operator, analysis, params={"bins": 7.0})
    (task, *others) = chunks(agent, 4)
    asked = body_of(task)
    assert task.files[0].model_dump(exclude={"note"}) == SMALL
    assert (asked["tree"], asked["layout"], asked["params"]) == ("t", "flat", {"low": 60, "bins": 7})
    assert (asked["file"], asked["size"], asked["start"]) == (SMALL["checksum"], SMALL["size"], 0)
    assert sum(map(size, [task, *others])) == 40_000
    for each in (task, *others):
        assert agent.give(each, chunk_result(size(each)))
    assert wait(operator, run["id"])["state"] == "complete"


def test_a_dataset_without_files_says_how_to_come_by_them(operator: httpx.Client, analysis: str) -> None:
    spec = {"name": "elsewhere", "title": "Elsewhere", "files": [], "obtain": "Copy it and add it."}
    assert operator.post("/datasets", json=spec | {"obtain": ""}).status_code == 422
    assert operator.post("/datasets", json=spec).status_code == 201
    refused = operator.post("/runs", json={"function": analysis, "dataset": "elsewhere", "endpoint": ENDPOINT})
    assert refused.status_code == 422
    assert refused.json()["error"]["message"] == "elsewhere has no file that can be fetched. Copy it and add it."


def test_the_same_run_again_comes_from_the_cache_without_an_endpoint(
    machine: Machine, operator: httpx.Client, agent: Agent, analysis: str, unique: Callable[[str], str]
) -> None:
    first = finish(operator, agent, submit(operator, analysis)["id"])
    pupil = machine.person(unique("pupil"))
    again = wait(pupil, submit(pupil, analysis, params={"low": 60.0})["id"])
    assert again["state"] == "complete"
    assert again["account"]["chunks_cached"] == again["account"]["chunks"] == first["account"]["chunks"]
    assert again["account"]["endpoints"] == first["account"]["endpoints"]
    assert again["seconds"]["queued"] == 0
    assert again["seconds"]["total"] < 3
    assert total(pupil.get(f"/runs/{again['id']}/histograms").json()) == 40_000
    other = submit(pupil, analysis, params={"low": 61})
    assert other["account"]["chunks_cached"] == 0
    fresh = submit(pupil, analysis, fresh=True)
    assert fresh["account"]["chunks_cached"] == 0
    for run in (other, fresh):
        assert finish(pupil, agent, run["id"])["state"] == "complete"


def test_a_class_that_starts_together_computes_once(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    with ThreadPoolExecutor(5) as pool:
        runs = list(pool.map(lambda _: submit(operator, analysis)["id"], range(5)))
    for task in chunks(agent, 4):
        assert agent.give(task, chunk_result(size(task)))
    assert agent.lease(wait=0) == []
    found = [wait(operator, run_id) for run_id in runs]
    assert {run["state"] for run in found} == {"complete"}
    assert sum(run["account"]["chunks_cached"] for run in found) == 16


def test_a_result_of_somebody_elses_machine_is_not_believed(
    machine: Machine, operator: httpx.Client, agent: Agent, analysis: str, unique: Callable[[str], str]
) -> None:
    teacher = machine.person(unique("teacher"), Role.teacher)
    own = machine.agent(teacher, unique("own"), public=False)
    run = submit(teacher, analysis, endpoint=own.name)
    own.work(OFFSETS, until=lambda: teacher.get(f"/runs/{run['id']}").json()["state"] in FINAL)
    assert own.status["environment"] == agent.status["environment"]
    elsewhere = submit(operator, analysis)
    assert elsewhere["account"]["chunks_cached"] == 0
    assert finish(operator, agent, elsewhere["id"])["account"]["endpoints"] == {"runs": 4}


def test_a_failed_chunk_makes_the_run_incomplete_and_says_why(
    operator: httpx.Client, agent: Agent, analysis: str
) -> None:
    run = submit(operator, analysis)
    bad, *good = chunks(agent, 4)
    assert agent.complain(bad, "FunctionRaised", "ZeroDivisionError", retry=False, type="ZeroDivisionError", line=2)
    for task in good:
        assert agent.give(task, chunk_result(size(task)))
    run = wait(operator, run["id"])
    assert run["state"] == "incomplete"
    assert run["account"]["events_failed"] == size(bad)
    assert run["account"]["events_processed"] == 40_000 - size(bad)
    assert [error["kind"] for error in run["errors"]] == ["FunctionRaised"]
    assert total(operator.get(f"/runs/{run['id']}/histograms").json()) == 40_000 - size(bad)


def test_a_run_without_a_good_chunk_has_failed(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = submit(operator, analysis)
    for number, task in enumerate(chunks(agent, 4)):
        assert agent.complain(task, "FunctionRaised", f"bad value {number}", retry=False, type="ValueError", line=2)
    run = wait(operator, run["id"])
    assert run["state"] == "failed"
    assert len(run["errors"]) == 1
    assert operator.get(f"/runs/{run['id']}/histograms").json() == {}


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"events": 1}, "Events are missing: the chunk has 10,000"),
        ({"histograms": {}}, "0 histograms"),
        ({"histograms": {"mass": {"axes": [], "storage": {}}}}, ""),
        ({"histograms": {"mass": histogram(1, bins=3)}}, "different names or axes"),
        ({"histograms": {"other": histogram(1)}}, "different names or axes"),
    ],
)
def test_a_chunk_whose_result_does_not_fit_fails(
    operator: httpx.Client, agent: Agent, analysis: str, result: dict[str, Any], words: str
) -> None:
    run = submit(operator, analysis)
    *good, bad = chunks(agent, 4)
    for task in good:
        assert agent.give(task, chunk_result(size(task)))
    assert agent.give(bad, {**chunk_result(size(bad)), **result})
    run = wait(operator, run["id"])
    assert run["state"] == "incomplete"
    assert [error["kind"] for error in run["errors"]] == ["ResultRefused"]
    assert words in run["errors"][0]["message"]
    assert total(operator.get(f"/runs/{run['id']}/histograms").json()) == run["account"]["events_processed"]


def test_a_lost_chunk_is_computed_again_and_counted_once(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = submit(operator, analysis)
    lost, *good = chunks(agent, 4)
    for task in good:
        assert agent.give(task, chunk_result(size(task)))
    (again,) = agent.lease(wait=10)
    assert agent.give(again, chunk_result(size(again)))
    assert not agent.give(lost, chunk_result(size(lost)))
    run = wait(operator, run["id"])
    assert (run["state"], run["account"]["retries"]) == ("complete", 1)
    assert total(operator.get(f"/runs/{run['id']}/histograms").json()) == 40_000


def test_a_file_that_cannot_be_looked_into_fails_the_run(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    name = unique("gone")
    file = {"uri": f"root://eos.example//{name}", "size": 5, "checksum": "adler32:0000dead"}
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    runs = [submit(operator, dataset=name)["id"] for _ in range(2)]
    (look,) = agent.lease()
    assert look.kind == "inspect"
    assert agent.complain(look, "DataUnavailable", "The file is not there.", retry=False, uri=file["uri"])
    for run_id in runs:
        run = wait(operator, run_id)
        assert (run["state"], run["errors"][0]["kind"]) == ("failed", "DataUnavailable")
        ((_, name, last),) = watch(operator, f"/runs/{run_id}/events")
        assert (name, last["run"]["state"]) == ("end", "failed")
    assert agent.lease(wait=0) == []


def test_a_file_is_looked_into_again_after_a_failure(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    name = unique("flaky")
    file = {"uri": f"root://eos.example//{name}", "size": 6, "checksum": "adler32:0000beef"}
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    first = submit(operator, dataset=name)
    assert agent.complain(agent.lease()[0], "DataUnavailable", retry=False)
    assert wait(operator, first["id"])["state"] == "failed"
    second = submit(operator, dataset=name)
    assert agent.give(agent.lease()[0], {"entries": 10, "offsets": [0, 10], "columns": []})
    (task,) = chunks(agent, 1)
    assert agent.give(task, chunk_result(10))
    assert wait(operator, second["id"])["state"] == "complete"


def test_runs_that_wait_for_the_same_look_go_on_together(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    name = unique("shared")
    file = {"uri": f"root://eos.example//{name}", "size": 8, "checksum": "adler32:00000888"}
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    runs = [submit(operator, dataset=name)["id"] for _ in range(3)]
    (look,) = agent.lease()
    assert agent.give(look, {"entries": 10, "offsets": [0, 4, 10], "columns": ["x"]})
    (chunk,) = agent.lease()
    assert agent.give(chunk, chunk_result(10))
    # A run that was planned late is answered when its chunk's turn comes: nobody computes it again.
    while {operator.get(f"/runs/{run_id}").json()["state"] for run_id in runs} - FINAL:
        assert agent.lease(wait=0.2) == []
    assert {wait(operator, run_id)["state"] for run_id in runs} == {"complete"}


def test_a_dataset_without_events_says_so(operator: httpx.Client, agent: Agent, unique: Callable[[str], str]) -> None:
    name = unique("empty")
    file = {"uri": f"root://eos.example//{name}", "size": 3, "checksum": "adler32:00000333"}
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    run = submit(operator, dataset=name)
    assert agent.give(agent.lease()[0], {"entries": 0, "offsets": [0], "columns": []})
    run = wait(operator, run["id"])
    assert (run["state"], run["errors"][0]["message"]) == ("failed", f"The files of {name} have no events.")


@pytest.mark.parametrize("facts", [{"entries": 5, "offsets": [0, 3]}, {"entries": -1, "offsets": [0, -1]}])
def test_facts_that_contradict_themselves_are_refused(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str], facts: dict[str, Any]
) -> None:
    name = unique("odd")
    file = {"uri": f"root://eos.example//{name}", "size": len(facts["offsets"]), "checksum": "adler32:000000dd"}
    file["checksum"] = f"adler32:{abs(hash(name)) % 16**8:08x}"
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    run = submit(operator, dataset=name)
    assert agent.give(agent.lease()[0], {**facts, "columns": []})
    assert wait(operator, run["id"])["state"] == "failed"


def test_a_record_that_states_other_numbers_is_told(
    operator: httpx.Client, agent: Agent, analysis: str, unique: Callable[[str], str]
) -> None:
    name = unique("stated")
    spec = {"name": name, "title": name, "files": [SMALL], "tree": "t", "layout": "flat", "events": 41_000}
    operator.post("/datasets", json=spec)
    run = finish(operator, agent, submit(operator, analysis, name)["id"])
    assert (run["state"], run["account"]["events_expected"]) == ("complete", 40_000)
    assert "states 41,000 events; its files have 40,000" in run["errors"][0]["message"]


def test_a_run_says_what_it_waits_for(
    machine: Machine, operator: httpx.Client, analysis: str, unique: Callable[[str], str]
) -> None:
    sleepy = machine.agent(operator, unique("sleepy"))
    dataset = unique("unseen")
    file = {"uri": f"root://eos.example//{dataset}", "size": 7, "checksum": "adler32:00000777"}
    operator.post("/datasets", json={"name": dataset, "title": dataset, "files": [file]})
    run = submit(operator, analysis, dataset, endpoint=sleepy.name)
    assert run["activity"] == f"waiting for endpoint {sleepy.name}"
    (look,) = sleepy.lease()
    path = f"/runs/{run['id']}"
    assert operator.get(path).json()["activity"] == "reading the file"
    sleepy.renew(look, activity="fetching small.root, 40 %")
    assert operator.get(path).json()["activity"] == "fetching small.root, 40 %"
    assert sleepy.give(look, {"entries": 40_000, "offsets": [0, 40_000], "columns": []})
    held = chunks(sleepy, 4)
    assert operator.get(path).json()["activity"] == "4 chunks running"
    for task in held:
        assert sleepy.give(task, chunk_result(size(task)))
    assert wait(operator, run["id"])["activity"] == ""


@pytest.mark.parametrize(
    ("submit", "status", "kind", "words"),
    [
        ({"function": "spectrun"}, 404, "UnknownFunction", "Did you mean spectrum?"),
        ({"dataset": "smal"}, 404, "UnknownDataset", "Did you mean small"),
        ({"endpoint": "ruins"}, 404, "UnknownEndpoint", "Did you mean runs"),
        ({"params": {"low": 130}}, 422, "InvalidParameter", "'low': must be at most 120 GeV."),
        ({"params": {"bins": 1.5}}, 422, "InvalidParameter", "'bins': must be a whole number."),
        ({"params": {"loww": 1}}, 422, "InvalidParameter", "did you mean low"),
    ],
)
def test_what_cannot_run_says_why(
    operator: httpx.Client, submit: dict[str, Any], status: int, kind: str, words: str
) -> None:
    answer = operator.post("/runs", json={"function": "spectrum", "dataset": "small", "endpoint": "runs", **submit})
    error = answer.json()["error"]
    assert (answer.status_code, error["kind"]) == (status, kind)
    assert words in error["message"]


def test_runs_are_listed_newest_first(
    machine: Machine, operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    pupil = machine.person(unique("pupil"))
    ids = [submit(pupil)["id"] for _ in range(3)]
    assert [run["id"] for run in pupil.get("/runs").json()] == ids[::-1]
    assert operator.get(f"/runs/{ids[0]}").status_code == 200
    for run_id in ids:
        finish(operator, agent, run_id)
    assert {run["state"] for run in pupil.get("/runs").json()} == {"complete"}


def test_a_body_of_an_agent_is_checked(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = submit(operator, analysis)
    held = chunks(agent, 4)
    assert agent.send((held[0], {"body": "%%%"}))["accepted"] == [held[0].task_id]
    assert agent.send((held[1], {"body": body([1])}))["accepted"] == [held[1].task_id]
    assert agent.send((held[2], {}))["accepted"] == [held[2].task_id]
    assert agent.give(held[3], chunk_result(size(held[3])))
    run = wait(operator, run["id"])
    assert (run["state"], run["account"]["chunks_failed"]) == ("incomplete", 3)
    assert {error["kind"] for error in run["errors"]} == {"ResultRefused"}
