"""Quotas: of a role, of a person, of a class together."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from openbeam.models import Role
from openbeam_service.quotas import use
from openbeam_service.quotas.models import UsageRow
from service_bench import Bench
from service_kit import PLAIN, Agent, Machine
from sqlalchemy import select

Unique = Callable[[str], str]
ENDPOINT = "quotas"


@pytest.fixture(scope="module", autouse=True)
def function(operator: httpx.Client) -> None:
    spec = {"name": "limited", "source": PLAIN, "entrypoint": "double", "visibility": "public"}
    assert operator.post("/functions", json=spec).status_code in {200, 201}


def _submit(client: httpx.Client, count: int = 1) -> httpx.Response:
    calls = [{"function": "limited", "endpoint": ENDPOINT, "args": [1]}] * count
    return client.post("/tasks/batch", json={"group": str(uuid.uuid4()), "calls": calls})


def _rule(operator: httpx.Client, path: str, **limits: Any) -> dict[str, Any]:
    answer = operator.put(f"/quotas/{path}", json=limits)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def _finish(agent: Agent, seconds: float = 0.0) -> int:
    leased = agent.lease(want=64, wait=1)
    for task in leased:
        assert agent.give(task, {"value": 1, "seconds": seconds})
    return len(leased)


def test_a_persons_rule_stands_before_their_roles(
    machine: Machine, operator: httpx.Client, agent: Agent, unique: Unique
) -> None:
    name = unique("mia")
    mia = machine.person(name)
    (mine,) = mia.get("/quota").json()
    assert (mine["who"], mine["tasks"]["limit"], mine["runs"]["limit"]) == ("you", 10_000, 50)
    _rule(operator, f"users/{name}", tasks=5)
    assert _submit(mia, 4).status_code == 201
    refused = _submit(mia, 2)
    assert (refused.status_code, refused.json()["error"]["kind"]) == (429, "QuotaUsedUp")
    details = refused.json()["error"]["details"]
    assert (details["quota"], details["who"], details["used"], details["limit"], details["room"]) == (
        "tasks", "you", 4, 5, 1
    )  # fmt: skip
    assert refused.headers["Retry-After"] == "5"
    assert mia.get("/quota").json()[0]["tasks"] == {"used": 4, "limit": 5, "frees": None}
    assert _finish(agent) == 4
    assert _submit(mia, 5).status_code == 201
    assert _finish(agent) == 5
    _rule(operator, f"users/{name}")
    assert name not in {entry["name"] for entry in operator.get("/quotas").json()}
    assert mia.get("/quota").json()[0]["tasks"]["limit"] == 10_000


def test_cpu_time_is_counted_and_frees(machine: Machine, operator: httpx.Client, agent: Agent, unique: Unique) -> None:
    name = unique("max")
    somebody = machine.person(name)
    _rule(operator, f"users/{name}", cpu_seconds=10)
    assert _submit(somebody, 2).status_code == 201
    assert _finish(agent, seconds=6) == 2
    (mine,) = somebody.get("/quota").json()
    assert (mine["cpu_seconds"]["used"], mine["cpu_seconds"]["limit"]) == (12, 10)
    error = _submit(somebody).json()["error"]
    assert error["kind"] == "QuotaUsedUp"
    assert error["details"]["frees"] == mine["cpu_seconds"]["frees"].replace("Z", "+00:00")
    assert "frees at" in error["message"]
    assert 0 < error["details"]["retry_after"] <= 24 * 3600


def test_a_class_has_its_limits_together(
    machine: Machine, operator: httpx.Client, agent: Agent, unique: Unique
) -> None:
    teacher = machine.person(unique("tess"), Role.teacher)
    made = teacher.post("/classes", json={"name": unique("c"), "title": ""}).json()
    members = [machine.person(unique("kid")) for _ in range(2)]
    for member in members:
        assert member.post("/classes/join", json={"code": made["code"]}).status_code in {200, 201}
    _rule(operator, f"classes/{made['id']}", tasks=5)
    assert _submit(members[0], 3).status_code == 201
    refused = _submit(members[1], 3).json()["error"]
    assert (refused["details"]["room"], refused["details"]["who"]) == (2, f"the class {made['name']}")
    assert "Together, the class" in refused["message"]
    assert _submit(members[1], 2).status_code == 201
    assert _submit(teacher, 1).status_code == 201
    assert [quota["tasks"]["used"] for quota in members[1].get("/quota").json()] == [2, 5]
    assert _finish(agent) == 6


def _together(count: int, ask: Callable[[], httpx.Response]) -> list[int]:
    """Ask so many times at the same moment; return the statuses in order."""
    moment = threading.Barrier(count)

    def wait_and_ask(_: int) -> int:
        moment.wait()
        return ask().status_code

    with ThreadPoolExecutor(count) as pool:
        return sorted(pool.map(wait_and_ask, range(count)))


def test_calls_that_come_at_once_do_not_pass_a_quota_together(
    machine: Machine, operator: httpx.Client, agent: Agent, unique: Unique
) -> None:
    name = unique("ida")
    ida = machine.person(name)
    _rule(operator, f"users/{name}", tasks=3)
    one = {"function": "limited", "endpoint": ENDPOINT, "args": [1]}
    assert _together(8, lambda: ida.post("/tasks", json=one)) == [201] * 3 + [429] * 5
    assert ida.get("/quota").json()[0]["tasks"]["used"] == 3
    assert _finish(agent) == 3
    assert _together(8, lambda: _submit(ida, 2)) == [201] + [429] * 7
    assert _finish(agent) == 2


def test_members_of_a_class_do_not_pass_its_quota_together(
    machine: Machine, operator: httpx.Client, agent: Agent, unique: Unique
) -> None:
    teacher = machine.person(unique("tess"), Role.teacher)
    made = teacher.post("/classes", json={"name": unique("c"), "title": ""}).json()
    members = [machine.person(unique("kid")) for _ in range(6)]
    for member in members:
        assert member.post("/classes/join", json={"code": made["code"]}).status_code in {200, 201}
    _rule(operator, f"classes/{made['id']}", tasks=2)
    waiting = iter(members)
    assert _together(6, lambda: _submit(next(waiting))) == [201] * 2 + [429] * 4
    assert _finish(agent) == 2


@pytest.mark.usefixtures("agent", "published")
def test_runs_that_come_at_once_do_not_pass_a_quota_together(
    machine: Machine, operator: httpx.Client, analysis: str, unique: Unique
) -> None:
    name = unique("eve")
    eve = machine.person(name)
    _rule(operator, f"users/{name}", runs=1)
    run = {"function": analysis, "dataset": "small", "endpoint": ENDPOINT}
    assert _together(6, lambda: eve.post("/runs", json=run)) == [201] + [429] * 5
    (started,) = eve.get("/runs").json()
    assert eve.post(f"/runs/{started['id']}/cancel", json={}).json()["state"] == "cancelled"


def test_only_administrators_make_rules(machine: Machine, operator: httpx.Client, unique: Unique) -> None:
    teacher = machine.person(unique("tom"), Role.teacher)
    assert teacher.put("/quotas/users/operator", json={"tasks": 1}).status_code == 403
    assert operator.put("/quotas/users/nobody-of-that-name", json={"tasks": 1}).status_code == 404
    assert operator.put("/quotas/users/operator", json={"tasks": -1}).status_code == 422


@pytest.mark.usefixtures("agent")
def test_who_may_have_nothing_is_not_told_to_wait(machine: Machine, operator: httpx.Client, unique: Unique) -> None:
    name = unique("ann")
    ann = machine.person(name)
    _rule(operator, f"users/{name}", tasks=0)
    refused = _submit(ann)
    assert refused.status_code == 429, refused.text
    assert refused.json()["error"]["details"]["limit"] == 0
    assert "Retry-After" not in refused.headers


def test_runs_are_counted_too(bench: Any) -> None:
    async def test(b: Bench) -> None:
        with b.backend.sessions.begin() as db:
            rules = {b.caller.role: use.QuotaRule(runs=2)}
            use.check(db, b.caller, rules, runs=2)
        b.run(fresh=True)
        with b.backend.sessions() as db, pytest.raises(use.QuotaUsedUp) as caught:
            use.check(db, b.caller, rules, runs=2)
        assert (caught.value.details["quota"], caught.value.details["room"]) == ("runs", 1)

    bench(test)


def test_use_adds_up_by_the_hour(bench: Any) -> None:
    async def test(b: Bench) -> None:
        for _ in range(3):
            with b.backend.sessions.begin() as db:
                use.charge(db, {b.caller.user_id: 1.5})
        with b.backend.sessions() as db:
            assert sum(row.cpu for row in db.scalars(select(UsageRow))) == 4.5

    bench(test)
