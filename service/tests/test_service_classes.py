"""Classes through the REST API: made, found, joined, run, left."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openbeam.models import ClassJoin, Role
from openbeam.models.classes import CODE_ALPHABET
from openbeam_service.audit.models import AuditRow
from openbeam_service.classes.codes import spaced
from openbeam_service.classes.models import ClassRow
from openbeam_service.database import now
from openbeam_service.provision import opened
from sqlalchemy import select

API = "/api/v1/classes"


def fresh(word: str) -> str:
    return f"{word}-{secrets.token_hex(3)}"


def person(service: Any, role: Role = Role.student) -> httpx.Client:
    client: httpx.Client = service.as_user(fresh(role.value), role)
    return client


def make(teacher: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = teacher.post(API, json={"name": fresh("class"), **fields})
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def me(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/v1/whoami").json()
    return found


@pytest.fixture
def teacher(service: Any) -> httpx.Client:
    return person(service, Role.teacher)


@pytest.fixture
def student(service: Any) -> httpx.Client:
    return person(service)


def test_a_teacher_makes_a_class_and_is_its_first_teacher(service: Any, teacher: httpx.Client) -> None:
    name = me(teacher)["name"]
    made = make(teacher, title="Physics 9b", code_days=7)
    assert (made["owner"], made["role"], made["members"], made["open"]) == (name, "teacher", 1, True)
    assert made["link"] == f"{service.url}/login/class?code={made['code']}"
    for ref in (made["id"], made["name"]):
        assert teacher.get(f"{API}/{ref}").json() == made
    (member,) = teacher.get(f"{API}/{made['id']}/members").json()
    assert (member["name"], member["role"], member["pupil"]) == (name, "teacher", False)
    again = teacher.post(API, json={"name": made["name"]})
    assert (again.status_code, again.json()["error"]["kind"]) == (409, "Conflict")


def test_students_make_no_classes(student: httpx.Client) -> None:
    refused = student.post(API, json={"name": "mine"})
    assert refused.status_code == 403
    assert refused.json()["error"]["details"]["scope"] == ["classes:manage"]


def test_who_is_not_in_a_class_does_not_see_it(service: Any, teacher: httpx.Client, student: httpx.Client) -> None:
    made = make(teacher)
    other = person(service, Role.teacher)
    for client in (student, other):
        assert client.get(API).json() == []
        for ref in (made["id"], made["name"]):
            assert client.get(f"{API}/{ref}").status_code == 404
    for method, path, body in (
        ("PATCH", "", {"title": "x"}),
        ("DELETE", "", None),
        ("POST", "/code", {}),
        ("DELETE", "/code", None),
        ("GET", "/members", None),
        ("PATCH", f"/members/{me(teacher)['id']}", {"role": "member"}),
        ("DELETE", f"/members/{me(teacher)['id']}", None),
        ("POST", f"/members/{me(teacher)['id']}/key", None),
    ):
        answer = other.request(method, f"{API}/{made['id']}{path}", json=body)
        assert answer.status_code == 404, (method, path)
        assert answer.json()["error"]["kind"] == "UnknownClass"
    seen = service.http.get(f"{API}/{made['id']}").json()
    assert (seen["role"], seen["code"]) == (None, made["code"])


def test_people_with_accounts_join_by_code(teacher: httpx.Client, student: httpx.Client) -> None:
    made = make(teacher)
    typed = f" {made['code'].lower().replace('-', ' - ')} "
    for _ in range(2):
        joined = student.post(f"{API}/join", json={"code": typed})
        assert joined.status_code == 200
        assert (joined.json()["role"], joined.json()["members"]) == ("member", 2)
    assert (joined.json()["code"], joined.json()["link"]) == (None, None)
    assert [found["id"] for found in student.get(API).json()] == [made["id"]]
    for method, path in (("GET", "/members"), ("DELETE", ""), ("POST", "/code")):
        refused = student.request(method, f"{API}/{made['id']}{path}", json={} if method == "POST" else None)
        assert refused.status_code == 403


def test_a_code_that_was_replaced_expired_or_closed_opens_nothing(
    service: Any, teacher: httpx.Client, student: httpx.Client
) -> None:
    made = make(teacher)
    where = f"{API}/{made['id']}"

    def tried(code: str) -> int:
        return student.post(f"{API}/join", json={"code": code}).status_code

    renewed = teacher.post(f"{where}/code", json={"days": 2}).json()
    assert renewed["code"] != made["code"]
    assert tried(made["code"]) == 404
    with opened(service.settings) as db:
        db.get_one(ClassRow, made["id"]).code_expires = now() - timedelta(seconds=1)
    assert tried(renewed["code"]) == 404
    assert teacher.get(where).json()["code"] is None
    current = teacher.post(f"{where}/code", json={}).json()["code"]
    assert teacher.patch(where, json={"open": False}).json()["code"] is None
    assert tried(current) == 404
    assert teacher.patch(where, json={"open": True}).json()["code"] == current
    assert teacher.delete(f"{where}/code").json()["code"] is None
    assert tried(current) == 404
    assert teacher.get(where).json()["members"] == 1


def test_codes_cannot_be_tried_on_and_on(start_service: Callable[..., Any]) -> None:
    student = person(start_service(OPENBEAM_RATE_JOIN_CODE="3 per hour"))
    tries = [student.post(f"{API}/join", json={"code": "2222-2222"}) for _ in range(4)]
    assert [answer.status_code for answer in tries] == [404, 404, 404, 429]
    assert int(tries[-1].headers["retry-after"]) > 0


@pytest.mark.parametrize(
    "code", ["", "ABCD", "ABCD-EFGHJ", "ABCD-EFG0", "ABCD-EFGÜ", " " * 50 + "ABCDEFGH", "ABCD\nEFGH"]
)
def test_what_is_no_code_is_refused(student: httpx.Client, code: str) -> None:
    assert student.post(f"{API}/join", json={"code": code}).status_code == 422


@settings(deadline=None)
@given(st.text(CODE_ALPHABET, min_size=8, max_size=8), st.sampled_from(["", " ", "-", " - "]), st.booleans())
def test_a_code_is_the_same_however_it_is_typed(code: str, between: str, small: bool) -> None:
    typed = between.join(spaced(code).lower() if small else spaced(code))[:40]
    if len(typed.replace("-", "").replace(" ", "")) == 8:
        assert ClassJoin(code=typed).code == code


def test_teachers_share_the_running_of_a_class(service: Any, teacher: httpx.Client, student: httpx.Client) -> None:
    made, helper = make(teacher), person(service, Role.teacher)
    where = f"{API}/{made['id']}"
    for client in (helper, student):
        assert client.post(f"{API}/join", json={"code": made["code"]}).status_code == 200
    assert helper.get(f"{where}/members").status_code == 403
    promote = f"{where}/members/{me(helper)['id']}"
    assert teacher.patch(promote, json={"role": "teacher"}).json()["role"] == "teacher"
    assert [m["role"] for m in helper.get(f"{where}/members").json()] == ["teacher", "teacher", "member"]
    refused = helper.patch(f"{where}/members/{me(student)['id']}", json={"role": "teacher"})
    assert (refused.status_code, "no teacher's account" in refused.text) == (422, True)
    owner = f"{where}/members/{me(teacher)['id']}"
    assert helper.delete(owner).status_code == 409
    assert helper.patch(owner, json={"role": "member"}).status_code == 409
    assert helper.delete(where).status_code == 403
    assert helper.delete(f"{where}/members/{me(student)['id']}").status_code == 204
    assert student.get(where).status_code == 404
    assert helper.delete(promote).status_code == 204
    assert helper.get(where).status_code == 404


def test_a_class_is_renamed_and_deleted(teacher: httpx.Client, student: httpx.Client) -> None:
    first, second = make(teacher), make(teacher)
    student.post(f"{API}/join", json={"code": first["code"]})
    where = f"{API}/{first['id']}"
    assert teacher.patch(where, json={"name": second["name"]}).status_code == 409
    changed = teacher.patch(where, json={"name": fresh("other"), "title": "Astronomy"}).json()
    assert changed["title"] == "Astronomy"
    assert teacher.patch(where, json={"owner": "me"}).status_code == 422
    assert teacher.delete(where).status_code == 204
    assert student.get(API).json() == []
    assert [found["id"] for found in teacher.get(API).json()] == [second["id"]]


def test_a_class_has_a_last_place_even_when_many_come_at_once(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_CLASS_MEMBERS="4", OPENBEAM_CLASSES_PER_PERSON="2")
    teacher = person(service, Role.teacher)
    made = make(teacher)
    clients = [person(service) for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: one.post(f"{API}/join", json={"code": made["code"]}), clients))
    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [429] * 5
    assert teacher.get(f"{API}/{made['id']}").json()["members"] == 4
    make(teacher)
    assert teacher.post(API, json={"name": "one-more"}).status_code == 429


def test_what_is_done_to_a_class_is_on_record(service: Any, teacher: httpx.Client, student: httpx.Client) -> None:
    made = make(teacher)
    where = f"{API}/{made['id']}"
    student.post(f"{API}/join", json={"code": made["code"]})
    teacher.patch(where, json={"title": "x"})
    teacher.post(f"{where}/code", json={})
    teacher.delete(f"{where}/code")
    student.delete(f"{where}/members/{me(student)['id']}")
    teacher.delete(where)
    with opened(service.settings) as db:
        rows = db.scalars(select(AuditRow).where(AuditRow.object_id == made["id"]).order_by(AuditRow.id)).all()
    assert [(row.action.removeprefix("class."), row.actor) for row in rows] == [
        ("make", me(teacher)["name"]),
        ("join", me(student)["name"]),
        ("change", me(teacher)["name"]),
        ("code", me(teacher)["name"]),
        ("close_joining", me(teacher)["name"]),
        ("remove", me(student)["name"]),
        ("delete", me(teacher)["name"]),
    ]
