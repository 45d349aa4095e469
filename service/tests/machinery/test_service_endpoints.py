"""Endpoints that are shared: who sees and uses one, for which functions, and how that ends."""

from __future__ import annotations

import base64
import hashlib
import pickle
import secrets
import threading
import time
from typing import Any

import httpx
import pytest
from openbeam.models import Role
from service_kit import PLAIN, Agent, Machine


class Lab:
    """A teacher's endpoint, a class of theirs, somebody in it, and somebody who is not."""

    def __init__(self, machine: Machine, operator: httpx.Client) -> None:
        tag = secrets.token_hex(4)
        self.machine, self.admin = machine, operator
        self.teacher = machine.person(f"teacher-{tag}", Role.teacher)
        self.student = machine.person(f"student-{tag}")
        self.stranger = machine.person(f"stranger-{tag}", Role.teacher)
        self.owner = f"teacher-{tag}"
        self.name = f"10a-{tag}"
        code = self.teacher.post("/classes", json={"name": self.name}).json()["code"]
        assert self.student.post("/classes/join", json={"code": code}).status_code == 200
        self.agent = machine.agent(self.teacher, f"lab-{tag}", public=False)
        self.path = f"/endpoints/{self.agent.id}"

    def share(self, visibility: str, *classes: str) -> dict[str, Any]:
        sharing = {"visibility": visibility, "classes": list(classes)}
        answer = self.teacher.put(f"{self.path}/sharing", json=sharing)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def policy(self, **policy: Any) -> None:
        answer = self.teacher.patch(self.path, json={"policy": policy})
        assert answer.status_code == 200, answer.text

    def seen_by(self) -> set[str]:
        people = {"student": self.student, "stranger": self.stranger, "teacher": self.teacher}
        return {who for who, client in people.items() if client.get(self.path).status_code == 200}

    def function(self, client: httpx.Client, **more: Any) -> dict[str, Any]:
        spec = {"name": f"f-{secrets.token_hex(4)}", "source": PLAIN, "entrypoint": "double", **more}
        answer = client.post("/functions", json=spec)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    def call(self, client: httpx.Client, function: dict[str, Any]) -> httpx.Response:
        return client.post("/tasks", json={"function": function["id"], "args": [1], "endpoint": self.agent.id})

    def end(self, client: httpx.Client, task: httpx.Response) -> dict[str, Any]:
        return dict(client.get(f"/tasks/{task.json()['id']}", params={"wait": 5}).json())


@pytest.fixture
def lab(machine: Machine, operator: httpx.Client) -> Lab:
    return Lab(machine, operator)


def _error(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error = dict(answer.json()["error"])
    assert error["kind"] == kind
    return error


# ------------------------------------------------------------------------------------------------ sharing and approval
def test_a_class_sees_and_uses_what_is_shared_with_it(lab: Lab) -> None:
    assert lab.seen_by() == {"teacher"}
    shown = lab.share("class", lab.name)
    assert (shown["visibility"], shown["classes"]) == ("class", [lab.name])
    assert lab.seen_by() == {"teacher", "student"}
    assert lab.student.get(lab.path).json()["classes"] == []
    function = lab.function(lab.student)
    assert lab.call(lab.student, function).status_code == 201
    lab.share("private")
    assert lab.seen_by() == {"teacher"}
    _error(lab.call(lab.student, function), 404, "UnknownEndpoint")


def test_everybody_sees_an_endpoint_once_an_administrator_has_approved_it(lab: Lab) -> None:
    _error(lab.admin.post(f"{lab.path}/approve", json={"approve": True}), 409, "Conflict")
    lab.share("class", lab.name)
    asked = lab.share("public")
    assert (asked["visibility"], asked["approval"]) == ("class", {"state": "requested", "note": ""})
    assert lab.student.get(lab.path).json()["approval"] is None
    assert lab.seen_by() == {"teacher", "student"}
    _error(lab.teacher.post(f"{lab.path}/approve", json={"approve": True}), 403, "NotAllowed")
    declined = lab.admin.post(f"{lab.path}/approve", json={"approve": False, "note": "Too small."}).json()
    assert declined["approval"] == {"state": "declined", "note": "Too small."}
    assert lab.seen_by() == {"teacher", "student"}
    lab.share("public")
    assert lab.admin.post(f"{lab.path}/approve", json={"approve": True}).json()["visibility"] == "public"
    assert lab.seen_by() == {"teacher", "student", "stranger"}
    assert lab.share("public")["approval"]["state"] == "approved"
    assert lab.admin.post(f"{lab.path}/approve", json={"approve": False}).json()["visibility"] == "private"
    assert lab.seen_by() == {"teacher"}


def test_configuring_again_keeps_how_it_is_shared(lab: Lab) -> None:
    lab.share("class", lab.name)
    spec = {"name": lab.agent.name, "key": lab.agent.key.as_dict(private=False)}
    assert lab.teacher.post("/endpoints", json=spec).json()["visibility"] == "class"
    assert lab.teacher.post("/endpoints", json={**spec, "visibility": "private"}).json()["visibility"] == "private"


# ------------------------------------------------------------------------------------------------ policy
def test_an_endpoint_may_be_seen_by_more_people_than_may_use_it(lab: Lab) -> None:
    lab.share("public")
    lab.admin.post(f"{lab.path}/approve", json={"approve": True})
    mine, theirs = lab.function(lab.student), lab.function(lab.stranger)
    lab.policy(users="owner")
    assert lab.seen_by() == {"teacher", "student", "stranger"}
    for client, function in ((lab.student, mine), (lab.stranger, theirs)):
        _error(lab.call(client, function), 404, "UnknownEndpoint")
    lab.policy(users="classes")
    lab.share("class", lab.name)
    assert lab.call(lab.student, mine).status_code == 201
    _error(lab.call(lab.stranger, theirs), 404, "UnknownEndpoint")


def test_only_functions_on_the_list_are_taken(lab: Lab) -> None:
    good, bad = lab.function(lab.teacher), lab.function(lab.teacher, source=PLAIN + "\n# another one\n")
    name = f"{lab.owner}/{good['name']}"
    for rule in (name, f"{name}@1", good["id"], good["sha256"]):
        lab.policy(functions=[rule, "somebody/else"])
        assert lab.call(lab.teacher, good).status_code == 201
        assert "runs only the functions on its list" in _error(lab.call(lab.teacher, bad), 403, "NotAllowed")["message"]
    lab.policy(functions=[f"{name}@2"])
    _error(lab.call(lab.teacher, good), 403, "NotAllowed")
    lab.policy()
    assert lab.call(lab.teacher, bad).status_code == 201


def test_a_policy_holds_for_what_waits_already(lab: Lab) -> None:
    lab.share("class", lab.name)
    mine, theirs = lab.function(lab.teacher), lab.function(lab.student)
    kept, dropped = lab.call(lab.teacher, mine), lab.call(lab.student, theirs)
    lab.policy(functions=[mine["id"]])
    (leased,) = lab.agent.lease()
    assert leased.task_id == kept.json()["id"]
    assert lab.agent.give(leased, {"value": 1})
    problem = lab.end(lab.student, dropped)["error"]
    assert problem["kind"] == "FunctionRefused"
    lab.policy()
    waiting = lab.call(lab.student, theirs)
    lab.share("private")
    assert lab.agent.lease(wait=0.3) == []
    assert "not shared with you any more" in lab.end(lab.student, waiting)["error"]["message"]


def test_a_function_runs_where_its_environment_is(lab: Lab) -> None:
    needs = lab.function(lab.teacher, environment="hep-2026")
    message = _error(lab.call(lab.teacher, needs), 403, "NotAllowed")["message"]
    assert "needs the environment 'hep-2026'" in message
    anywhere = {"function": needs["id"], "args": [1]}
    assert "hep-2026" in _error(lab.teacher.post("/tasks", json=anywhere), 409, "Conflict")["message"]
    lab.agent.status["environment_name"] = "hep-2026"
    lab.agent.renew()
    assert lab.call(lab.teacher, needs).status_code == 201
    assert lab.teacher.post("/tasks", json=anywhere).json()["endpoint"] == lab.agent.name
    lab.policy(environments=["hep-2025"])
    assert "another environment" in _error(lab.call(lab.teacher, needs), 403, "NotAllowed")["message"]
    lab.policy(environments=["sha256:abc"])
    assert lab.call(lab.teacher, needs).status_code == 201


@pytest.mark.parametrize(
    "change",
    [
        {"labels": {f"l{number}": "" for number in range(21)}},
        {"labels": {"No Name": "x"}},
        {"labels": {"a": "x" * 101}},
        {"policy": {"functions": ["not a rule"]}},
        {"policy": {"functions": ["a/b"] * 201}},
        {"policy": {"users": "everybody"}},
        {"owner": "me"},
    ],
)
def test_changes_have_bounds(lab: Lab, change: dict[str, Any]) -> None:
    _error(lab.teacher.patch(lab.path, json=change), 422, "InvalidInput")


def test_what_is_changed_is_shown_and_the_rest_stays(lab: Lab) -> None:
    lab.teacher.patch(lab.path, json={"labels": {"site": "school"}, "description": "Two desktops"})
    lab.policy(users="owner")
    lab.agent.renew()
    shown = lab.teacher.get(lab.path).json()
    assert (shown["labels"], shown["description"], shown["capacity"]) == ({"site": "school"}, "Two desktops", 2)
    assert shown["policy"] == {"users": "owner", "functions": [], "environments": []}
    _error(lab.stranger.patch(lab.path, json={"labels": {}}), 404, "UnknownEndpoint")


# ------------------------------------------------------------------------------------------------ environments
def test_environments_are_what_visible_endpoints_have(lab: Lab) -> None:
    digest = f"local:{secrets.token_hex(8)}"
    name = f"env-{secrets.token_hex(4)}"
    lab.agent.status |= {"environment": digest, "environment_name": name, "python": "3.11"}
    lab.agent.renew()
    packages = ["awkward==2.9.0", "numpy==2.4.0"]
    report = {"digest": digest, "packages": packages}
    assert lab.agent.post("environment", report).status_code == 204
    shown = {"digest": digest, "names": [name], "python": "3.11", "endpoints": [lab.agent.name], "online": True}
    for ref in (digest, name):
        assert lab.teacher.get(f"/environments/{ref}").json() == {**shown, "packages": packages}
    assert {**shown, "packages": packages} in lab.teacher.get("/environments").json()
    _error(lab.student.get(f"/environments/{name}"), 404, "UnknownEnvironment")
    assert name in _error(lab.teacher.get(f"/environments/{name}x"), 404, "UnknownEnvironment")["details"]["nearest"]
    lab.agent.status["environment"] = f"{digest}2"
    lab.agent.renew()
    assert lab.teacher.get(f"/environments/{name}").json()["packages"] == []
    assert lab.agent.post("environment", {"digest": digest, "packages": ["x"] * 2001}).status_code == 422


# ------------------------------------------------------------------------------------------------ the end
def test_a_revoked_key_is_refused_at_once(lab: Lab) -> None:
    assert lab.agent.post("renew", {"leases": [], "status": lab.agent.status}).status_code == 200
    assert lab.teacher.delete(f"{lab.path}/key").status_code == 204
    _error(lab.agent.post("renew", {"leases": [], "status": lab.agent.status}), 401, "NotSignedIn")
    waiting = lab.call(lab.teacher, lab.function(lab.teacher))
    assert waiting.status_code == 201
    spec = {"name": lab.agent.name, "key": lab.agent.key.as_dict(private=False)}
    assert lab.teacher.post("/endpoints", json=spec).status_code == 200
    lab.agent.sign_in()
    (leased,) = lab.agent.lease()
    assert leased.task_id == waiting.json()["id"]


def test_an_agent_that_waits_for_work_gets_none_once_its_key_is_revoked(lab: Lab) -> None:
    answers: list[httpx.Response] = []
    asked = {"want": 1, "wait": 10, "status": lab.agent.status}
    polling = threading.Thread(target=lambda: answers.append(lab.agent.post("lease", asked)))
    polling.start()
    deadline = time.monotonic() + 20
    while not lab.teacher.get(lab.path).json()["online"] and time.monotonic() < deadline:
        time.sleep(0.02)
    lab.teacher.delete(f"{lab.path}/key")
    task = lab.call(lab.teacher, lab.function(lab.teacher))
    polling.join(20)
    assert [answer.status_code for answer in answers] == [401]
    assert lab.teacher.get(f"/tasks/{task.json()['id']}").json()["state"] == "queued"


def test_an_endpoint_that_is_taken_away_leaves_its_results(lab: Lab) -> None:
    function = lab.function(lab.teacher)
    done, held = lab.call(lab.teacher, function), lab.call(lab.teacher, function)
    first, second = lab.agent.lease()
    lab.agent.give(first, {"value": 7})
    waiting = lab.call(lab.teacher, function)
    assert lab.teacher.delete(lab.path).status_code == 204
    assert lab.end(lab.teacher, done)["result"] == 7
    for task in (held, waiting):
        assert "was taken away" in lab.end(lab.teacher, task)["error"]["message"]
    _error(lab.teacher.get(lab.path), 404, "UnknownEndpoint")
    assert lab.agent.name not in {one["name"] for one in lab.admin.get("/endpoints").json()}
    _error(lab.agent.post("results", {"outcomes": []}), 401, "NotSignedIn")
    assert second.task_id == held.json()["id"]
    again = lab.machine.agent(lab.teacher, lab.agent.name, public=False)
    assert again.id == lab.agent.id
    assert lab.seen_by() == {"teacher"}


def test_pickled_code_is_kept_private_and_never_opened(lab: Lab) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (open, (str(lab.machine.settings.home.root / "opened"), "w"))

    code = pickle.dumps(Bomb())
    spec = {"format": "pickle", "python": "3.11", "source": base64.b64encode(code).decode()}
    function = lab.function(lab.teacher, **spec)
    assert function["sha256"] == hashlib.sha256(code).hexdigest()
    assert (function["format"], function["visibility"]) == ("pickle", "private")
    sharing = f"/functions/{function['id']}/sharing"
    for wanted in ({"visibility": "public"}, {"visibility": "class", "classes": [lab.name]}):
        assert "stays private" in _error(lab.teacher.put(sharing, json=wanted), 422, "InvalidInput")["message"]
    _calls_by_agent(lab.agent, lab, function, code)
    lab.agent.status["python"] = "3.12"
    lab.agent.renew()
    assert "pickled by Python 3.11" in _error(lab.call(lab.teacher, function), 403, "NotAllowed")["message"]
    for change in ({"source": "no base64!"}, {"python": ""}, {"visibility": "public"}, {"kind": "analysis"}):
        known = {"name": "x", "entrypoint": "double", **spec, **change}
        _error(lab.teacher.post("/functions", json=known), 422, "InvalidInput")
    assert not (lab.machine.settings.home.root / "opened").exists()


def _calls_by_agent(agent: Agent, lab: Lab, function: dict[str, Any], code: bytes) -> None:
    assert lab.call(lab.teacher, function).status_code == 201
    (leased,) = agent.lease()
    assert base64.b64decode(leased.code) == code
    assert agent.give(leased, {"value": None})
