"""Pupils: in with a class code and a nickname, back with a key, and nothing of them is kept."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openbeam.models import Role
from openbeam.models.classes import Nickname
from openbeam_service.audit.models import AuditRow
from openbeam_service.classes.pupils import folded
from openbeam_service.identity import tokens
from openbeam_service.identity.models import UserRow
from openbeam_service.provision import opened
from pydantic import TypeAdapter, ValidationError
from sqlalchemy import select

API = "/api/v1/classes"
NICKNAME: TypeAdapter[str] = TypeAdapter(Nickname)


@pytest.fixture
def teacher(service: Any) -> httpx.Client:
    client: httpx.Client = service.as_user(f"tess-{secrets.token_hex(3)}", Role.teacher)
    return client


@pytest.fixture
def classroom(teacher: httpx.Client) -> dict[str, Any]:
    made: dict[str, Any] = teacher.post(API, json={"name": f"c{secrets.token_hex(3)}", "title": "Physics 9b"}).json()
    return made


@pytest.fixture
def browser(service: Any) -> Iterator[httpx.Client]:
    with service.client(Accept="text/html") as client:
        yield client


def post(browser: httpx.Client, path: str, **fields: str) -> httpx.Response:
    found = re.search('name="form" value="([^"]+)"', browser.get("/login/class").text)
    assert found
    return browser.post(path, data={"form": found[1], **fields})


def join(browser: httpx.Client, classroom: dict[str, Any], nickname: str, **more: str) -> httpx.Response:
    return post(browser, "/login/class", code=classroom["code"], nickname=nickname, **more)


def key_of(page: httpx.Response) -> str:
    found = re.search(r'id="key">([2-9A-Z]{5}-[2-9A-Z]{5})<', page.text)
    assert found, page.text
    return found[1]


def members(teacher: httpx.Client, classroom: dict[str, Any]) -> dict[str, dict[str, Any]]:
    everybody = teacher.get(f"{API}/{classroom['id']}/members").json()
    return {member["name"]: member for member in everybody if member["pupil"]}


def who(browser: httpx.Client) -> str:
    """Return the name that the sign-out page shows."""
    found = re.search("signed in as <strong>(.*?)</strong>", browser.get("/logout").text)
    return found[1] if found else ""


# ------------------------------------------------------------------------------------------------ in
def test_a_pupil_comes_with_code_and_nickname(
    service: Any, browser: httpx.Client, teacher: httpx.Client, classroom: dict[str, Any]
) -> None:
    filled = browser.get(classroom["link"]).text
    assert f'value="{classroom["code"]}"' in filled
    page = join(browser, classroom, "  Zoé B. ", next="/oauth/authorize?x=1")
    assert page.status_code == 200
    assert "Physics 9b" in page.text
    assert 'href="/oauth/authorize?x=1"' in page.text
    assert who(browser) == "Zoé B."
    member = members(teacher, classroom)["Zoé B."]
    with opened(service.settings) as db:
        user = db.get_one(UserRow, member["user_id"])
        assert (user.role, user.display, user.password_hash) == (Role.pupil, "Zoé B.", None)
        assert user.name.startswith("pupil-")
        assert key_of(page).replace("-", "") not in str(vars(user))


def test_a_nickname_alone_is_nobody_s(browser: httpx.Client, service: Any, classroom: dict[str, Any]) -> None:
    key = key_of(join(browser, classroom, "Ana"))
    with service.client(Accept="text/html") as other:
        for same in ("Ana", "ana", " ANA ", "\uff21na"):
            refused = join(other, classroom, same)
            assert refused.status_code == 409
            assert "use your return key" in refused.text
            assert who(other) == ""
        back = post(other, "/login/key", key=key.lower().replace("-", " "), next="/logout")
        assert (back.status_code, back.headers["location"]) == (303, "/logout")
        assert who(other) == "Ana"
        assert key not in other.get("/logout").text


def test_nobody_comes_as_the_teacher(browser: httpx.Client, teacher: httpx.Client, classroom: dict[str, Any]) -> None:
    assert join(browser, classroom, classroom["owner"].upper()).status_code == 409
    assert members(teacher, classroom) == {}


def test_two_who_choose_one_nickname_at_once_are_one_pupil(
    service: Any, teacher: httpx.Client, classroom: dict[str, Any]
) -> None:
    browsers = [service.client(Accept="text/html") for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda one: join(one, classroom, "Ana"), browsers))
    for one in browsers:
        one.close()
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 5
    assert list(members(teacher, classroom)) == ["Ana"]


@pytest.mark.parametrize("nickname", ["", " ", "@ana", "ana@school.example", "a" * 41, "<b>", "-ana", "a\nb", "a\x00b"])
def test_what_is_no_nickname_is_refused(
    browser: httpx.Client, classroom: dict[str, Any], teacher: httpx.Client, nickname: str
) -> None:
    refused = join(browser, classroom, nickname)
    assert (refused.status_code, "A nickname has letters" in refused.text) == (422, True)
    assert members(teacher, classroom) == {}


@settings(deadline=None)
@given(st.text(max_size=45))
def test_a_nickname_is_short_plain_text(text: str) -> None:
    try:
        name = NICKNAME.validate_python(text)
    except ValidationError:
        return
    assert 0 < len(name) <= 40
    assert name.isprintable()
    assert not set(name) & set('@<>&"/\\')
    assert 0 < len(folded(name)) <= 200


def test_codes_cannot_be_tried_on_and_on(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_RATE_JOIN_CODE="3 per hour")
    with service.client(Accept="text/html") as browser:
        tries = [post(browser, "/login/class", code="2222-2222", nickname="Eve") for _ in range(2)]
        tries += [post(browser, "/login/key", key="22222-22222") for _ in range(2)]
    assert [answer.status_code for answer in tries] == [404, 404, 422, 429]
    assert int(tries[-1].headers["retry-after"]) > 0


def test_a_form_of_another_site_is_refused(browser: httpx.Client, classroom: dict[str, Any]) -> None:
    fields = {"code": classroom["code"], "nickname": "Eve", "form": "guessed"}
    browser.get("/login/class")
    assert browser.post("/login/class", data=fields).status_code == 403
    assert browser.post("/login/key", data={"key": "22222-22222"}).status_code == 403


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example"])
def test_it_leads_to_no_other_site(service: Any, browser: httpx.Client, classroom: dict[str, Any], target: str) -> None:
    page = join(browser, classroom, "Ana", next=target)
    assert f'href="{service.settings.portal_url}"' in page.text
    assert "evil" not in page.text
    back = post(browser, "/login/key", key=key_of(page), next=target)
    assert back.headers["location"] == service.settings.portal_url


def token_of(service: Any, user_id: str) -> str:
    with opened(service.settings) as db:
        return tokens.make(db, db.get_one(UserRow, user_id), days=1)


def test_a_pupil_runs_what_the_class_has_and_publishes_nothing(
    service: Any, browser: httpx.Client, teacher: httpx.Client, classroom: dict[str, Any]
) -> None:
    join(browser, classroom, "Ana")
    token = token_of(service, members(teacher, classroom)["Ana"]["user_id"])
    me = service.whoami(token).json()
    assert (me["display"], me["role"], me["scopes"]) == ("Ana", "pupil", ["catalog:read", "tasks:run"])
    spec = {"name": f"f{secrets.token_hex(4)}", "source": "def f(): return 1", "entrypoint": "f"}
    shared = teacher.post("/api/v1/functions", json=spec | {"visibility": "class", "classes": [classroom["id"]]})
    assert shared.status_code == 201, shared.text
    hidden = teacher.post("/api/v1/functions", json=spec | {"name": f"{spec['name']}x"}).json()
    with service.client(Authorization=f"Bearer {token}") as ana:
        assert ana.get(f"/api/v1/functions/{shared.json()['id']}").status_code == 200
        assert ana.get(f"/api/v1/functions/{hidden['id']}").status_code == 404
        assert ana.post("/api/v1/functions", json=spec).status_code == 403
        (mine,) = ana.get(API).json()
        assert (mine["id"], mine["role"], mine["code"]) == (classroom["id"], "member", None)
        refused = ana.post(f"{API}/join", json={"code": classroom["code"]})
        assert (refused.status_code, "A pupil is in one class" in refused.text) == (403, True)


# ------------------------------------------------------------------------------------------------ out
def test_a_new_key_ends_the_old_one(
    service: Any, browser: httpx.Client, teacher: httpx.Client, classroom: dict[str, Any]
) -> None:
    old = key_of(join(browser, classroom, "Ana"))
    ana = members(teacher, classroom)["Ana"]["user_id"]
    token = token_of(service, ana)
    new = teacher.post(f"{API}/{classroom['id']}/members/{ana}/key").json()["key"]
    assert who(browser) == ""
    assert service.whoami(token).status_code == 401
    assert post(browser, "/login/key", key=old).status_code == 422
    assert post(browser, "/login/key", key=new).status_code == 303
    assert who(browser) == "Ana"
    teacher_id = teacher.get("/api/v1/whoami").json()["id"]
    refused = teacher.post(f"{API}/{classroom['id']}/members/{teacher_id}/key")
    assert (refused.status_code, "has an account" in refused.text) == (422, True)


def test_closing_a_class_closes_its_pupils_at_once(
    service: Any, browser: httpx.Client, teacher: httpx.Client, classroom: dict[str, Any]
) -> None:
    key = key_of(join(browser, classroom, "Ana"))
    teacher.delete(f"{API}/{classroom['id']}/code")
    assert post(browser, "/login/key", key=key).status_code == 303  # who has joined comes back without a code
    token = token_of(service, members(teacher, classroom)["Ana"]["user_id"])
    teacher.patch(f"{API}/{classroom['id']}", json={"open": False})
    assert who(browser) == ""
    assert service.whoami(token).status_code == 401
    closed = post(browser, "/login/key", key=key)
    assert (closed.status_code, "your class is closed" in closed.text) == (422, True)
    teacher.patch(f"{API}/{classroom['id']}", json={"open": True})
    assert post(browser, "/login/key", key=key).status_code == 303


@pytest.mark.parametrize("whole", [False, True])
def test_who_is_removed_is_forgotten(
    service: Any, browser: httpx.Client, teacher: httpx.Client, classroom: dict[str, Any], whole: bool
) -> None:
    nickname = f"Ana{secrets.token_hex(4)}"
    key = key_of(join(browser, classroom, nickname))
    ana = members(teacher, classroom)[nickname]["user_id"]
    where = f"{API}/{classroom['id']}" + ("" if whole else f"/members/{ana}")
    assert teacher.delete(where).status_code == 204
    assert who(browser) == ""
    assert post(browser, "/login/key", key=key).status_code == 422
    with opened(service.settings) as db:
        user = db.get_one(UserRow, ana)
        assert (user.active, user.display, user.key_hash) == (False, None, None)
        assert not [row for row in db.scalars(select(AuditRow)) if nickname in repr((row.actor, row.name, row.details))]


def test_the_log_keeps_no_nickname(service: Any, browser: httpx.Client, classroom: dict[str, Any]) -> None:
    nickname = f"Zoe{secrets.token_hex(4)}"
    key = key_of(join(browser, classroom, nickname))
    log = (service.home.root / "log" / "service").read_text()
    assert "pupil joined" in log
    assert nickname not in log
    assert key not in log
