from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from openbeam.models import Role
from service_kit import ANALYSIS, MASS, Agent, Machine, body, chunk_result, histogram, total

SMALL = {"uri": "root://eos.example//small.root", "size": 1000, "checksum": "adler32:0000000a"}
LARGE = {"uri": "root://eos.example//large.root", "size": 2000, "checksum": "adler32:0000000b"}
OFFSETS = {SMALL["checksum"]: [0, 40_000], LARGE["checksum"]: [0, 30_000, 400_000, 800_000]}
FINAL = {"complete", "incomplete", "failed", "cancelled"}


@pytest.fixture(scope="module")
def agent(machine: Machine, operator: httpx.Client) -> Agent:
    return machine.agent(operator, "runs")


@pytest.fixture(scope="module", autouse=True)
def published(operator: httpx.Client) -> None:
    _publish(operator, "spectrum")
    for name, files in (("small", [SMALL]), ("both", [SMALL, LARGE])):
        spec = {"name": name, "title": name, "files": files, "layout": "flat", "tree": "t", "doi": "10.1/x"}
        assert operator.post("/datasets", json=spec).status_code in {200, 201}


def _publish(client: httpx.Client, name: str, source: str = ANALYSIS) -> None:
    spec = {
        "name": name,
        "kind": "analysis",
        "source": source,
        "entrypoint": "analyze",
        "parameters": MASS,
        "visibility": "public",
    }
    assert client.post("/functions", json=spec).status_code in {200, 201}


@pytest.fixture
def analysis(operator: httpx.Client, unique: Callable[[str], str]) -> str:
    """Return the name of an analysis that the chunk cache knows nothing of."""
    name = unique("fresh")
    _publish(operator, name, f"{ANALYSIS}# {name}\n")
    return name


def _run(client: httpx.Client, function: str = "spectrum", dataset: str = "small", **more: Any) -> dict[str, Any]:
    answer = client.post("/runs", json={"function": function, "dataset": dataset, "endpoint": "runs", **more})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def _wait(client: httpx.Client, run_id: str) -> dict[str, Any]:
    run = client.get(f"/runs/{run_id}", params={"wait": 20}).json()
    assert run["state"] in FINAL, run
    return dict(run)


def _finish(client: httpx.Client, agent: Agent, run_id: str) -> dict[str, Any]:
    agent.work(OFFSETS, until=lambda: client.get(f"/runs/{run_id}").json()["state"] in FINAL)
    return _wait(client, run_id)


def _events(client: httpx.Client, path: str, **headers: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the id, name and data of server-sent events."""
    with client.stream("GET", path, headers={"Accept": "text/event-stream", **headers}, timeout=20) as answer:
        assert answer.status_code == 200
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            if not line and "data" in fields:
                yield fields.get("id", ""), fields["event"], json.loads(fields["data"])
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.partition(": ")
                fields[name] = value


def _chunks(agent: Agent, number: int) -> list[Any]:
    """Lease until so many chunks are held, answering looks into files."""
    held: list[Any] = []
    while len(held) < number:
        for task in agent.lease(want=number - len(held)):
            if task.kind == "inspect":
                assert agent.give(task, agent.compute(task, OFFSETS))
            else:
                held.append(task)
    return held


def _size(task: Any) -> int:
    asked = _asked(task)
    return int(asked["stop"] - asked["start"])


def _asked(task: Any) -> dict[str, Any]:
    import base64

    return dict(json.loads(base64.b64decode(task.body)))


def test_a_run_of_several_chunks_completes_and_its_histograms_add_up(
    operator: httpx.Client, agent: Agent, analysis: str
) -> None:
    run = _run(operator, analysis, "both", params={"low": 70})
    run = _finish(operator, agent, run["id"])
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
    run = _run(operator, analysis, params={"bins": 7.0})
    (task, *others) = _chunks(agent, 4)
    asked = _asked(task)
    assert task.files[0].model_dump(exclude={"note"}) == SMALL
    assert (asked["tree"], asked["layout"], asked["params"]) == ("t", "flat", {"low": 60, "bins": 7})
    assert (asked["file"], asked["size"], asked["start"]) == (SMALL["checksum"], SMALL["size"], 0)
    assert sum(map(_size, [task, *others])) == 40_000
    for each in (task, *others):
        assert agent.give(each, chunk_result(_size(each)))
    assert _wait(operator, run["id"])["state"] == "complete"


def test_the_same_run_again_comes_from_the_cache_without_an_endpoint(
    machine: Machine, operator: httpx.Client, agent: Agent, analysis: str, unique: Callable[[str], str]
) -> None:
    first = _finish(operator, agent, _run(operator, analysis)["id"])
    pupil = machine.person(unique("pupil"))
    again = _wait(pupil, _run(pupil, analysis, params={"low": 60.0})["id"])
    assert again["state"] == "complete"
    assert again["account"]["chunks_cached"] == again["account"]["chunks"] == first["account"]["chunks"]
    assert again["account"]["endpoints"] == first["account"]["endpoints"]
    assert again["seconds"]["queued"] == 0
    assert again["seconds"]["total"] < 3
    assert total(pupil.get(f"/runs/{again['id']}/histograms").json()) == 40_000
    other = _run(pupil, analysis, params={"low": 61})
    assert other["account"]["chunks_cached"] == 0
    fresh = _run(pupil, analysis, fresh=True)
    assert fresh["account"]["chunks_cached"] == 0
    for run in (other, fresh):
        assert _finish(pupil, agent, run["id"])["state"] == "complete"


def test_a_class_that_starts_together_computes_once(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    with ThreadPoolExecutor(5) as pool:
        runs = list(pool.map(lambda _: _run(operator, analysis)["id"], range(5)))
    for task in _chunks(agent, 4):
        assert agent.give(task, chunk_result(_size(task)))
    assert agent.lease(wait=0) == []
    found = [_wait(operator, run_id) for run_id in runs]
    assert {run["state"] for run in found} == {"complete"}
    assert sum(run["account"]["chunks_cached"] for run in found) == 16


def test_a_result_of_somebody_elses_machine_is_not_believed(
    machine: Machine, operator: httpx.Client, agent: Agent, analysis: str, unique: Callable[[str], str]
) -> None:
    teacher = machine.person(unique("teacher"), Role.teacher)
    own = machine.agent(teacher, unique("own"), public=False)
    run = _run(teacher, analysis, endpoint=own.name)
    own.work(OFFSETS, until=lambda: teacher.get(f"/runs/{run['id']}").json()["state"] in FINAL)
    assert own.status["environment"] == agent.status["environment"]
    elsewhere = _run(operator, analysis)
    assert elsewhere["account"]["chunks_cached"] == 0
    assert _finish(operator, agent, elsewhere["id"])["account"]["endpoints"] == {"runs": 4}


def test_a_failed_chunk_makes_the_run_incomplete_and_says_why(
    operator: httpx.Client, agent: Agent, analysis: str
) -> None:
    run = _run(operator, analysis)
    bad, *good = _chunks(agent, 4)
    assert agent.complain(bad, "FunctionRaised", "ZeroDivisionError", retry=False, type="ZeroDivisionError", line=2)
    for task in good:
        assert agent.give(task, chunk_result(_size(task)))
    run = _wait(operator, run["id"])
    assert run["state"] == "incomplete"
    assert run["account"]["events_failed"] == _size(bad)
    assert run["account"]["events_processed"] == 40_000 - _size(bad)
    assert [error["kind"] for error in run["errors"]] == ["FunctionRaised"]
    assert total(operator.get(f"/runs/{run['id']}/histograms").json()) == 40_000 - _size(bad)


def test_a_run_without_a_good_chunk_has_failed(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = _run(operator, analysis)
    for number, task in enumerate(_chunks(agent, 4)):
        assert agent.complain(task, "FunctionRaised", f"bad value {number}", retry=False, type="ValueError", line=2)
    run = _wait(operator, run["id"])
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
    run = _run(operator, analysis)
    *good, bad = _chunks(agent, 4)
    for task in good:
        assert agent.give(task, chunk_result(_size(task)))
    assert agent.give(bad, {**chunk_result(_size(bad)), **result})
    run = _wait(operator, run["id"])
    assert run["state"] == "incomplete"
    assert [error["kind"] for error in run["errors"]] == ["ResultRefused"]
    assert words in run["errors"][0]["message"]
    assert total(operator.get(f"/runs/{run['id']}/histograms").json()) == run["account"]["events_processed"]


def test_a_lost_chunk_is_computed_again_and_counted_once(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = _run(operator, analysis)
    lost, *good = _chunks(agent, 4)
    for task in good:
        assert agent.give(task, chunk_result(_size(task)))
    (again,) = agent.lease(wait=10)
    assert agent.give(again, chunk_result(_size(again)))
    assert not agent.give(lost, chunk_result(_size(lost)))
    run = _wait(operator, run["id"])
    assert (run["state"], run["account"]["retries"]) == ("complete", 1)
    assert total(operator.get(f"/runs/{run['id']}/histograms").json()) == 40_000


def test_a_file_that_cannot_be_looked_into_fails_the_run(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    name = unique("gone")
    file = {"uri": f"root://eos.example//{name}", "size": 5, "checksum": "adler32:0000dead"}
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    runs = [_run(operator, dataset=name)["id"] for _ in range(2)]
    (look,) = agent.lease()
    assert look.kind == "inspect"
    assert agent.complain(look, "DataUnavailable", "The file is not there.", retry=False, uri=file["uri"])
    for run_id in runs:
        run = _wait(operator, run_id)
        assert (run["state"], run["errors"][0]["kind"]) == ("failed", "DataUnavailable")
        ((_, name, last),) = _events(operator, f"/runs/{run_id}/events")
        assert (name, last["run"]["state"]) == ("end", "failed")
    assert agent.lease(wait=0) == []


def test_a_file_is_looked_into_again_after_a_failure(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    name = unique("flaky")
    file = {"uri": f"root://eos.example//{name}", "size": 6, "checksum": "adler32:0000beef"}
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    first = _run(operator, dataset=name)
    assert agent.complain(agent.lease()[0], "DataUnavailable", retry=False)
    assert _wait(operator, first["id"])["state"] == "failed"
    second = _run(operator, dataset=name)
    assert agent.give(agent.lease()[0], {"entries": 10, "offsets": [0, 10], "columns": []})
    (task,) = _chunks(agent, 1)
    assert agent.give(task, chunk_result(10))
    assert _wait(operator, second["id"])["state"] == "complete"


def test_runs_that_wait_for_the_same_look_go_on_together(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str]
) -> None:
    name = unique("shared")
    file = {"uri": f"root://eos.example//{name}", "size": 8, "checksum": "adler32:00000888"}
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    runs = [_run(operator, dataset=name)["id"] for _ in range(3)]
    (look,) = agent.lease()
    assert agent.give(look, {"entries": 10, "offsets": [0, 4, 10], "columns": ["x"]})
    (chunk,) = agent.lease()
    assert agent.give(chunk, chunk_result(10))
    assert {_wait(operator, run_id)["state"] for run_id in runs} == {"complete"}


def test_a_dataset_without_events_says_so(operator: httpx.Client, agent: Agent, unique: Callable[[str], str]) -> None:
    name = unique("empty")
    file = {"uri": f"root://eos.example//{name}", "size": 3, "checksum": "adler32:00000333"}
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    run = _run(operator, dataset=name)
    assert agent.give(agent.lease()[0], {"entries": 0, "offsets": [0], "columns": []})
    run = _wait(operator, run["id"])
    assert (run["state"], run["errors"][0]["message"]) == ("failed", f"The files of {name} have no events.")


@pytest.mark.parametrize("facts", [{"entries": 5, "offsets": [0, 3]}, {"entries": -1, "offsets": [0, -1]}])
def test_facts_that_contradict_themselves_are_refused(
    operator: httpx.Client, agent: Agent, unique: Callable[[str], str], facts: dict[str, Any]
) -> None:
    name = unique("odd")
    file = {"uri": f"root://eos.example//{name}", "size": len(facts["offsets"]), "checksum": "adler32:000000dd"}
    file["checksum"] = f"adler32:{abs(hash(name)) % 16**8:08x}"
    operator.post("/datasets", json={"name": name, "title": name, "files": [file]})
    run = _run(operator, dataset=name)
    assert agent.give(agent.lease()[0], {**facts, "columns": []})
    assert _wait(operator, run["id"])["state"] == "failed"


def test_a_record_that_states_other_numbers_is_told(
    operator: httpx.Client, agent: Agent, analysis: str, unique: Callable[[str], str]
) -> None:
    name = unique("stated")
    spec = {"name": name, "title": name, "files": [SMALL], "tree": "t", "layout": "flat", "events": 41_000}
    operator.post("/datasets", json=spec)
    run = _finish(operator, agent, _run(operator, analysis, name)["id"])
    assert (run["state"], run["account"]["events_expected"]) == ("complete", 40_000)
    assert "states 41,000 events; its files have 40,000" in run["errors"][0]["message"]


def test_live_updates_grow_and_end(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = _run(operator, analysis)
    held = _chunks(agent, 4)
    events = _events(operator, f"/runs/{run['id']}/events")
    sums = []
    _, name, first = next(events)
    assert (name, first["run"]["state"]) == ("update", "running")
    for task in held:
        assert agent.give(task, chunk_result(_size(task)))
        while not sums or sums[-1] < 10_000 * (len(set(sums)) + 0):
            _, name, data = next(events)
            sums.append(total(data["histograms"]) if data["histograms"] else 0)
            assert sums[-1] == data["run"]["account"]["events_processed"]
            if sums[-1] and sums.count(sums[-1]) == 1:
                break
    while name != "end":
        _, name, data = next(events)
    assert (data["run"]["state"], total(data["histograms"])) == ("complete", 40_000)
    assert next(events, None) is None
    assert sums == sorted(sums)


def test_a_watcher_goes_on_where_it_was(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = _run(operator, analysis)
    path = f"/runs/{run['id']}/events"
    held = _chunks(agent, 4)
    watcher = _events(operator, path)
    seen = [next(watcher)]
    watcher.close()
    for task in held:
        assert agent.give(task, chunk_result(_size(task)))
        time.sleep(0.1)
    _wait(operator, run["id"])
    late = list(_events(operator, path))
    assert [name for _, name, _ in late] == ["end"]
    rest = list(_events(operator, path, **{"Last-Event-ID": seen[0][0]}))
    assert rest[-1][1] == "end"
    assert total(rest[-1][2]["histograms"]) == 40_000


def test_a_running_run_is_resumed_without_a_gap(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = _run(operator, analysis)
    path = f"/runs/{run['id']}/events"
    held = _chunks(agent, 4)
    watcher = _events(operator, path)
    last_id, _, _ = next(watcher)
    watcher.close()
    for task in held[:3]:
        assert agent.give(task, chunk_result(_size(task)))
        time.sleep(0.2)
    again = _events(operator, path, **{"Last-Event-ID": last_id})
    sums = []
    while not sums or sums[-1] < 30_000:
        update_id, _, data = next(again)
        assert tuple(map(int, update_id.split("-"))) > tuple(map(int, last_id.split("-")))
        last_id = update_id
        sums.append(total(data["histograms"]) if data["histograms"] else 0)
    assert {10_000, 20_000, 30_000} <= set(sums)
    assert agent.give(held[3], chunk_result(_size(held[3])))
    assert [name for _, name, _ in again][-1] == "end"


def test_a_ticket_opens_one_run_to_a_browser(
    machine: Machine, operator: httpx.Client, agent: Agent, analysis: str
) -> None:
    run = _finish(operator, agent, _run(operator, analysis)["id"])
    other = _finish(operator, agent, _run(operator, analysis)["id"])
    url = operator.post(f"/runs/{run['id']}/ticket", json={}).json()["url"]
    with httpx.Client() as browser:
        ((_, name, _),) = _events(browser, url)
        assert name == "end"
        assert browser.get(url.replace(run["id"], other["id"])).status_code == 401
        assert browser.get(url + "x").status_code == 401
        assert browser.get(url.partition("?")[0]).status_code == 401
    assert machine.person("nosy").get(f"/runs/{run['id']}/events").status_code == 404


def test_a_run_says_what_it_waits_for(
    machine: Machine, operator: httpx.Client, analysis: str, unique: Callable[[str], str]
) -> None:
    sleepy = machine.agent(operator, unique("sleepy"))
    dataset = unique("unseen")
    file = {"uri": f"root://eos.example//{dataset}", "size": 7, "checksum": "adler32:00000777"}
    operator.post("/datasets", json={"name": dataset, "title": dataset, "files": [file]})
    run = _run(operator, analysis, dataset, endpoint=sleepy.name)
    assert run["activity"] == f"waiting for endpoint {sleepy.name}"
    (look,) = sleepy.lease()
    path = f"/runs/{run['id']}"
    assert operator.get(path).json()["activity"] == "reading the file"
    sleepy.renew(look, activity="fetching small.root, 40 %")
    assert operator.get(path).json()["activity"] == "fetching small.root, 40 %"
    assert sleepy.give(look, {"entries": 40_000, "offsets": [0, 40_000], "columns": []})
    held = _chunks(sleepy, 4)
    assert operator.get(path).json()["activity"] == "4 chunks running"
    for task in held:
        assert sleepy.give(task, chunk_result(_size(task)))
    assert _wait(operator, run["id"])["activity"] == ""


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
    ids = [_run(pupil)["id"] for _ in range(3)]
    assert [run["id"] for run in pupil.get("/runs").json()] == ids[::-1]
    assert operator.get(f"/runs/{ids[0]}").status_code == 200
    for run_id in ids:
        _finish(operator, agent, run_id)
    assert {run["state"] for run in pupil.get("/runs").json()} == {"complete"}


def test_a_body_of_an_agent_is_checked(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = _run(operator, analysis)
    held = _chunks(agent, 4)
    assert agent.send((held[0], {"body": "%%%"}))["accepted"] == [held[0].task_id]
    assert agent.send((held[1], {"body": body([1])}))["accepted"] == [held[1].task_id]
    assert agent.send((held[2], {}))["accepted"] == [held[2].task_id]
    assert agent.give(held[3], chunk_result(_size(held[3])))
    run = _wait(operator, run["id"])
    assert (run["state"], run["account"]["chunks_failed"]) == ("incomplete", 3)
    assert {error["kind"] for error in run["errors"]} == {"ResultRefused"}
