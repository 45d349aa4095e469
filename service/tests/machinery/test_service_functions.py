"""Function versions after they are published: who sees them, deprecation, deletion, lists and search."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openbeam.models import Role
from openbeam_service.audit.models import AuditRow
from openbeam_service.identity.store import the_user
from openbeam_service.provision import opened
from service_kit import PLAIN, Machine
from sqlalchemy import select

Unique = Callable[[str], str]


class School:
    """A class of a teacher's, somebody in it, and somebody who is not."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        tag = secrets.token_hex(4)
        self.names = {who: f"{who}-{tag}" for who in ("teacher", "colleague", "student", "pupil", "stranger")}
        roles = {"teacher": Role.teacher, "colleague": Role.teacher}
        self.http = {who: machine.person(name, roles.get(who, Role.student)) for who, name in self.names.items()}
        self.teacher, self.colleague = self.http["teacher"], self.http["colleague"]
        self.student, self.stranger = self.http["student"], self.http["stranger"]
        self.name = f"9b-{tag}"
        code = self.teacher.post("/classes", json={"name": self.name}).json()["code"]
        for who in ("student", "pupil"):
            answer = self.http[who].post("/classes/join", json={"code": code})
            assert answer.status_code == 200, answer.text
        with opened(machine.settings) as db:
            the_user(db, self.names["pupil"]).role = Role.pupil

    def publish(self, who: str, **more: Any) -> dict[str, Any]:
        spec = {"name": f"f-{secrets.token_hex(4)}", "source": PLAIN, "entrypoint": "double", **more}
        answer = self.http[who].post("/functions", json=spec)
        assert answer.status_code in {200, 201}, answer.text
        return dict(answer.json())

    def seen_by(self, path: str) -> set[str]:
        return {who for who, client in self.http.items() if client.get(path).status_code == 200}

    def actions(self, object_id: str) -> list[str]:
        with opened(self.machine.settings) as db:
            return list(
                db.scalars(select(AuditRow.action).where(AuditRow.object_id == object_id).order_by(AuditRow.id))
            )


@pytest.fixture(scope="module")
def school(machine: Machine) -> School:
    return School(machine)


def _error(answer: httpx.Response, status: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    error = dict(answer.json()["error"])
    assert error["kind"] == kind
    return error


# ------------------------------------------------------------------------------------------------ sharing
def test_a_version_is_seen_by_those_it_is_shared_with(school: School) -> None:
    function = school.publish("teacher")
    path = f"/functions/{function['id']}"
    assert school.seen_by(path) == {"teacher"}
    shared = school.teacher.put(f"{path}/sharing", json={"visibility": "class", "classes": [school.name]})
    assert (shared.json()["visibility"], shared.json()["classes"]) == ("class", [school.name])
    assert school.seen_by(path) == {"teacher", "student", "pupil"}
    assert school.student.get(path).json()["classes"] == []
    assert school.teacher.put(f"{path}/sharing", json={"visibility": "public"}).status_code == 200
    assert school.seen_by(path) == set(school.http)
    assert school.teacher.put(f"{path}/sharing", json={"visibility": "private"}).json()["classes"] == []
    assert school.seen_by(path) == {"teacher"}
    assert school.actions(function["id"]) == ["function.publish", *["function.share"] * 3]


def test_a_new_version_is_private_until_it_is_shared(school: School) -> None:
    first = school.publish("teacher", visibility="class", classes=[school.name])
    second = school.publish("teacher", name=first["name"], title="Not yet")
    assert (first["visibility"], second["visibility"]) == ("class", "private")
    assert school.student.get(f"/functions/{first['name']}").json()["version"] == 1
    again = school.publish("teacher", name=first["name"], title="Not yet", visibility="public")
    assert (again["version"], again["visibility"]) == (2, "public")
    kept = school.publish("teacher", name=first["name"], title="Not yet")
    assert (kept["version"], kept["visibility"]) == (2, "public")
    assert school.student.get(f"/functions/{first['name']}").json()["version"] == 2


def test_only_teachers_share(school: School) -> None:
    path = f"/functions/{school.publish('student')['id']}/sharing"
    _error(school.student.put(path, json={"visibility": "public"}), 403, "NotAllowed")
    classes = {"visibility": "class", "classes": [school.name]}
    _error(school.student.put(path, json=classes), 404, "UnknownClass")
    theirs = f"/functions/{school.publish('colleague')['id']}/sharing"
    _error(school.colleague.put(theirs, json=classes), 404, "UnknownClass")
    spec = {"name": "nope", "source": PLAIN, "entrypoint": "double", "visibility": "public"}
    _error(school.student.post("/functions", json=spec), 403, "NotAllowed")
    assert school.student.get("/functions/nope").status_code == 404


@pytest.mark.parametrize(
    "sharing",
    [{"visibility": "class"}, {"visibility": "public", "classes": ["9b"]}, {"visibility": "all"}, {}],
)
def test_sharing_says_with_whom(school: School, sharing: dict[str, Any]) -> None:
    path = f"/functions/{school.publish('teacher')['id']}/sharing"
    _error(school.teacher.put(path, json=sharing), 422, "InvalidInput")


def test_who_sees_a_function_may_not_change_it(school: School) -> None:
    path = f"/functions/{school.publish('teacher', visibility='public')['id']}"
    for answer in (
        school.colleague.put(f"{path}/sharing", json={"visibility": "private"}),
        school.student.put(f"{path}/deprecation", json={"reason": "I do not like it"}),
        school.student.delete(f"{path}/deprecation"),
        school.student.delete(path),
    ):
        assert school.names["teacher"] in _error(answer, 403, "NotAllowed")["message"]
    assert school.seen_by(path) == set(school.http)


# ------------------------------------------------------------------------------------------------ deprecation, deletion
def test_a_deprecated_version_runs_and_says_so(school: School) -> None:
    old = school.publish("teacher")
    new = school.publish("teacher", name=old["name"], title="Mended")
    agent = school.machine.agent(school.teacher, f"lab-{secrets.token_hex(4)}", public=False)
    path = f"/functions/{old['id']}/deprecation"
    why = {"reason": "It counts muons twice.", "successor": new["id"]}
    said = school.teacher.put(path, json=why).json()["deprecated"]
    successor = f"{new['name']}@2"
    assert (said["reason"], said["successor"]) == (why["reason"], successor)
    task = school.teacher.post("/tasks", json={"function": old["id"], "args": [1], "endpoint": agent.id}).json()
    assert task["notices"] == [f"{old['name']}@1 is deprecated: It counts muons twice. Use {successor} instead."]
    (leased,) = agent.lease()
    assert agent.give(leased, {"value": 2})
    ended = school.teacher.get(f"/tasks/{task['id']}").json()
    assert (ended["state"], ended["result"], ended["notices"]) == ("success", 2, task["notices"])
    assert school.teacher.delete(path).json()["deprecated"] is None
    assert school.teacher.get(f"/tasks/{task['id']}").json()["notices"] == []
    _error(school.teacher.put(path, json={"reason": " "}), 422, "InvalidInput")
    _error(school.teacher.put(path, json={"reason": "x", "successor": old["id"]}), 422, "InvalidInput")
    _error(school.teacher.put(path, json={"reason": "x", "successor": "not-there"}), 404, "UnknownFunction")


def test_what_a_result_cites_is_not_deleted(school: School) -> None:
    function = school.publish("teacher")
    agent = school.machine.agent(school.teacher, f"lab-{secrets.token_hex(4)}", public=False)
    school.teacher.post("/tasks", json={"function": function["id"], "args": [1], "endpoint": agent.id})
    error = _error(school.teacher.delete(f"/functions/{function['id']}"), 409, "Conflict")
    assert "Deprecate it instead" in error["message"]


def test_a_deleted_version_is_gone_and_its_number_is_not_given_again(school: School) -> None:
    first = school.publish("teacher", description="unheard-of-word")
    name = first["name"]
    second = school.publish("teacher", name=name, title="Two")
    assert school.teacher.delete(f"/functions/{second['id']}").status_code == 204
    _error(school.teacher.get(f"/functions/{second['id']}"), 404, "UnknownFunction")
    assert school.teacher.get(f"/functions/{name}").json()["version"] == 1
    third = school.publish("teacher", name=name, title="Two")
    versions = school.teacher.get(f"/functions/{name}/versions").json()
    assert (third["version"], [one["version"] for one in versions]) == (3, [3, 1])
    for one in (first, third):
        school.teacher.delete(f"/functions/{one['id']}")
    assert school.teacher.get("/functions", params={"search": "unheard-of-word"}).json() == []
    _error(school.teacher.get(f"/functions/{name}/versions"), 404, "UnknownFunction")


# ------------------------------------------------------------------------------------------------ lists and search
def _found(client: httpx.Client, **query: Any) -> list[str]:
    answer = client.get("/functions", params=query)
    assert answer.status_code == 200, answer.text
    return [one["name"] for one in answer.json()]


def test_the_best_comes_first(school: School) -> None:
    word = f"q{secrets.token_hex(5)}"
    other = school.publish("teacher", docstring=f"Does nothing about {word}.")["name"]
    tagged = school.publish("teacher", tags=[word])["name"]
    titled = school.publish("teacher", title=f"The {word.upper()}")["name"]
    named = school.publish("teacher", name=f"{word}-fit")["name"]
    assert _found(school.teacher, search=word) == [named, titled, tagged, other]
    assert _found(school.teacher, search=word[:6]) == [named, titled, tagged, other]
    assert _found(school.teacher, search=word, limit=2, offset=1) == [titled, tagged]
    assert _found(school.teacher, search=f"{word} nothing") == [other]
    assert _found(school.stranger, search=word) == []


def test_accents_and_case_do_not_matter(school: School) -> None:
    word = secrets.token_hex(5)
    name = school.publish("teacher", title=f"Übung zu MÜONEN {word}", description="Müller’s 100% real_ data")["name"]
    for asked in (f"übung {word}", f"UBUNG muonen {word}", f"muller {word}", f"real 100 {word}", f"“{word}” -100%"):
        assert _found(school.teacher, search=asked) == [name]
    assert _found(school.teacher, search=f"{word} higgs") == []


def test_filters_narrow_a_list(school: School) -> None:
    tag = f"t{secrets.token_hex(4)}"
    plain = school.publish("teacher", tags=[tag, "muon"], environment="hep-2026", visibility="public")["name"]
    source = "def analyze(events, params):\n    return {}\n"
    analysis = {"kind": "analysis", "source": source, "entrypoint": "analyze", "datasets": ["cms-2010"]}
    shared = school.publish("teacher", tags=[tag], visibility="class", classes=[school.name], **analysis)
    school.teacher.put(f"/functions/{shared['id']}/deprecation", json={"reason": "Old."})
    filters: list[tuple[dict[str, Any], set[str]]] = [
        ({}, {plain, shared["name"]}),
        ({"kind": "plain"}, {plain}),
        ({"dataset": "cms-2010"}, {shared["name"]}),
        ({"dataset": "cms"}, set()),
        ({"environment": "hep-2026"}, {plain}),
        ({"class": school.name}, {shared["name"]}),
        ({"class": "another-class"}, set()),
        ({"deprecated": True}, {shared["name"]}),
        ({"deprecated": False}, {plain}),
        ({"owner": school.names["teacher"]}, {plain, shared["name"]}),
        ({"owner": "nobody"}, set()),
    ]
    for query, names in filters:
        assert set(_found(school.student, tag=tag, **query)) == names, query
    assert _found(school.stranger, tag=tag) == [plain]
    assert _found(school.stranger, tag=tag, **{"class": school.name}) == []


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 1001}, {"offset": -1}, {"tag": "No Name"}, {"kind": "x"}, {"colour": "red"}]
)
def test_a_question_has_bounds(school: School, query: dict[str, Any]) -> None:
    _error(school.teacher.get("/functions", params=query), 422, "InvalidInput")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200) | st.text(alphabet="\"'*:&|!()<->^~NEAR ANDOT\\%_{}\0", max_size=60))
def test_any_text_can_be_searched_for(school: School, text: str) -> None:
    assert school.teacher.get("/functions", params={"search": text}).status_code == 200


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs"]), max_size=100))
def test_what_is_published_is_found_by_its_own_words(school: School, title: str) -> None:
    name = school.publish("teacher", title=title)["name"]
    try:
        assert name in _found(school.teacher, search=f"{title[:150]} {name}")
    finally:
        school.teacher.delete(f"/functions/{name}")
