"""Runs as those see them who watch: updates grow and end, and go on where a watcher was."""

from __future__ import annotations

import time

import httpx
import pytest
from service_analyses import (
    chunks,
    finish,
    size,
    submit,
    wait,
    watch,
)
from service_kit import Agent, Machine, chunk_result, total

ENDPOINT = "runs"
pytestmark = pytest.mark.usefixtures("published")


def test_live_updates_grow_and_end(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = submit(operator, analysis)
    held = chunks(agent, 4)
    events = watch(operator, f"/runs/{run['id']}/events")
    sums = [0]
    _, name, first = next(events)
    assert (name, first["run"]["state"]) == ("update", "running")
    for number, task in enumerate(held, 1):
        assert agent.give(task, chunk_result(size(task)))
        while sums[-1] < 10_000 * number:
            _, name, data = next(events)
            sums.append(total(data["histograms"]) if data["histograms"] else 0)
            assert sums[-1] == data["run"]["account"]["events_processed"] <= 10_000 * number
    while name != "end":
        _, name, data = next(events)
    assert (data["run"]["state"], total(data["histograms"])) == ("complete", 40_000)
    assert next(events, None) is None
    assert sums == sorted(sums)


def test_a_watcher_goes_on_where_it_was(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = submit(operator, analysis)
    path = f"/runs/{run['id']}/events"
    held = chunks(agent, 4)
    watcher = watch(operator, path)
    seen = [next(watcher)]
    watcher.close()
    for task in held:
        assert agent.give(task, chunk_result(size(task)))
        time.sleep(0.1)
    wait(operator, run["id"])
    late = list(watch(operator, path))
    assert [name for _, name, _ in late] == ["end"]
    rest = list(watch(operator, path, **{"Last-Event-ID": seen[0][0]}))
    assert rest[-1][1] == "end"
    assert total(rest[-1][2]["histograms"]) == 40_000


def test_a_running_run_is_resumed_without_a_gap(operator: httpx.Client, agent: Agent, analysis: str) -> None:
    run = submit(operator, analysis)
    path = f"/runs/{run['id']}/events"
    held = chunks(agent, 4)
    present = watch(operator, path)
    last_id, _, _ = next(present)
    for number, task in enumerate(held[:3], 1):
        assert agent.give(task, chunk_result(size(task)))
        # Only then the next one: else one update may tell of both.
        assert any(data["run"]["account"]["events_processed"] == 10_000 * number for _, _, data in present)
    present.close()
    again = watch(operator, path, **{"Last-Event-ID": last_id})
    sums = []
    while not sums or sums[-1] < 30_000:
        update_id, _, data = next(again)
        assert tuple(map(int, update_id.split("-"))) > tuple(map(int, last_id.split("-")))
        last_id = update_id
        sums.append(total(data["histograms"]) if data["histograms"] else 0)
    assert {10_000, 20_000, 30_000} <= set(sums)
    assert agent.give(held[3], chunk_result(size(held[3])))
    assert [name for _, name, _ in again][-1] == "end"


def test_a_ticket_opens_one_run_to_a_browser(
    machine: Machine, operator: httpx.Client, agent: Agent, analysis: str
) -> None:
    run = finish(operator, agent, submit(operator, analysis)["id"])
    other = finish(operator, agent, submit(operator, analysis)["id"])
    url = operator.post(f"/runs/{run['id']}/ticket", json={}).json()["url"]
    with httpx.Client() as browser:
        ((_, name, _),) = watch(browser, url)
        assert name == "end"
        assert browser.get(url.replace(run["id"], other["id"])).status_code == 401
        assert browser.get(url + "x").status_code == 401
        assert browser.get(url.partition("?")[0]).status_code == 401
    assert machine.person("nosy").get(f"/runs/{run['id']}/events").status_code == 404
