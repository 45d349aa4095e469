"""A person's own page: classes, and the door to join one. Linked providers are in the tests of those."""

from __future__ import annotations

import re
import secrets
from contextlib import closing
from typing import Any

import httpx
import pytest
from openbeam.models import Role
from openbeam_service.identity import passwords

PASSWORD = "four words are enough"
HASHED = passwords.hash_password(PASSWORD)


def token_of(page: httpx.Response) -> str:
    found = re.search('name="form" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def sign_in(service: Any, role: Role) -> httpx.Client:
    name = f"{role}-{secrets.token_hex(3)}"
    service.user(name, role, HASHED)
    browser: httpx.Client = service.client(Accept="text/html")
    fields = {"form": token_of(browser.get("/login")), "name": name, "password": PASSWORD}
    assert browser.post("/login", data=fields).status_code == 303
    return browser


@pytest.fixture
def classroom(service: Any) -> dict[str, Any]:
    with service.as_user(f"tess-{secrets.token_hex(3)}", Role.teacher) as teacher:
        made: dict[str, Any] = teacher.post("/api/v1/classes", json={"name": "c", "title": "Physics <9b>"}).json()
        return made


def test_one_joins_a_class_on_one_s_own_page(service: Any, classroom: dict[str, Any]) -> None:
    with closing(sign_in(service, Role.student)) as browser:
        page = browser.get("/account")
        assert "You are in no class yet" in page.text
        for code, status in (("nonsense", 422), ("2222-2222", 404), ("", 422)):
            wrong = browser.post("/account/join", data={"form": token_of(page), "code": code})
            assert wrong.status_code == status
            assert 'role="alert"' in wrong.text
        joined = browser.post("/account/join", data={"form": token_of(page), "code": classroom["code"].lower()})
        assert (joined.status_code, joined.headers["location"]) == (303, "/account")
        shown = browser.get("/account").text
        assert "Physics &lt;9b&gt;" in shown
        assert classroom["code"] not in shown
        assert browser.post("/account/join", data={"code": classroom["code"]}).status_code == 403


def test_a_pupil_s_page_joins_nothing(service: Any, classroom: dict[str, Any]) -> None:
    with service.client(Accept="text/html") as browser:
        form = token_of(browser.get("/login/class"))
        browser.post("/login/class", data={"form": form, "code": classroom["code"], "nickname": "Ana"})
        page = browser.get("/account")
        assert "come back with your return key" in page.text
        assert "pupil-" not in page.text
        assert "/account/join" not in page.text
        forged = browser.post("/account/join", data={"form": token_of(browser.get("/logout")), "code": "2222-2222"})
        assert forged.status_code == 403


def test_nobody_has_no_page(service: Any) -> None:
    with service.client(Accept="text/html") as browser:
        answer = browser.get("/account")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/account")
        form = token_of(browser.get("/login"))
        for path in ("/account/join", "/account/unlink"):
            assert browser.post(path, data={"form": form}).headers["location"] == "/login?next=/account"
