"""People: sign-in page, first set-up, personal tokens."""

from __future__ import annotations

import re
import secrets
import stat
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from openbeam.models import Role
from openbeam_service.database import now
from openbeam_service.identity import passwords, store, tokens
from openbeam_service.identity.browser import safe_next
from openbeam_service.identity.models import PersonalTokenRow, SetupLinkRow
from openbeam_service.provision import initialise, opened

PASSWORD = "four words are enough"


@pytest.fixture
def browser(service: Any) -> Iterator[httpx.Client]:
    with service.client(Accept="text/html") as client:
        yield client


@pytest.fixture(scope="module")
def person(service: Any) -> str:
    service.user("ada", Role.student, passwords.hash_password(PASSWORD))
    return "ada"


def _form(page: httpx.Response) -> str:
    found = re.search('name="form" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def _sign_in(browser: httpx.Client, name: str, password: str, target: str = "") -> httpx.Response:
    page = browser.get("/login", params={"next": target})
    return browser.post("/login", data={"form": _form(page), "next": target, "name": name, "password": password})


# ------------------------------------------------------------------------------------------------ sign-in page
def test_sign_in_leads_on_and_sets_a_careful_cookie(service: Any, browser: httpx.Client, person: str) -> None:
    answer = _sign_in(browser, f" {person.upper()} ", PASSWORD)
    assert (answer.status_code, answer.headers["location"]) == (303, service.settings.portal_url)
    cookie = answer.headers["set-cookie"].lower()
    assert cookie.startswith("openbeam_session=")
    assert "httponly" in cookie
    assert "samesite=lax" in cookie
    assert "max-age=43200" in cookie


def test_pages_may_not_be_framed_cached_or_scripted(browser: httpx.Client) -> None:
    page = browser.get("/login")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in page.text
    for address in re.findall(r'(?:href|src)="([^"]+)"', page.text):
        assert address.startswith("/")
        assert browser.get(address).status_code == 200


@pytest.mark.parametrize(("name", "password"), [("ada", "wrong wrong wrong"), ("nobody", PASSWORD), ("operator", "")])
@pytest.mark.usefixtures("person")
def test_wrong_sign_ins_look_all_the_same(browser: httpx.Client, name: str, password: str) -> None:
    answer = _sign_in(browser, name, password)
    assert answer.status_code == 422
    assert "The user name or the password is wrong." in answer.text
    assert "You are signed out" in browser.get("/logout").text


def test_what_people_type_is_shown_as_text(browser: httpx.Client) -> None:
    hostile = '"><script>alert(1)</script>'
    answer = _sign_in(browser, hostile, "x", hostile)
    assert "<script>" not in answer.text
    assert "&lt;script&gt;" in answer.text


def test_a_form_of_another_site_is_refused(service: Any, browser: httpx.Client, person: str) -> None:
    browser.get("/login")
    fields = {"name": person, "password": PASSWORD}
    for forged in ({}, {"form": ""}, {"form": "guessed"}, {"form": "é"}):
        answer = browser.post("/login", data=fields | forged)
        assert answer.status_code == 403
        assert "Reload it" in answer.text
    with service.client() as fresh:
        assert fresh.post("/login", data=fields | {"form": ""}).json()["error"]["kind"] == "NotAllowed"


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "javascript:1",
    ],
)
def test_sign_in_leads_to_no_other_site(service: Any, browser: httpx.Client, person: str, target: str) -> None:
    answer = _sign_in(browser, person, PASSWORD, target)
    assert (answer.status_code, answer.headers["location"]) == (303, service.settings.portal_url)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("/\\:@?#.%a\t\n é["), max_size=12))
@example("//evil.example")
@example("/[")
def test_a_next_page_is_a_path_of_this_site_or_nothing(target: str) -> None:
    safe = safe_next(target)
    if safe is None:
        return
    joined = httpx.URL("http://here.example/login").join(safe)
    assert (joined.scheme, joined.host) == ("http", "here.example")
    assert safe.isprintable()
    assert "\\" not in safe


def test_guessing_is_slowed_down(service: Any, browser: httpx.Client) -> None:
    service.user("grace", Role.student, passwords.hash_password(PASSWORD))
    for _ in range(5):
        assert _sign_in(browser, "grace", "guess guess").status_code == 422
    blocked = _sign_in(browser, "grace", PASSWORD)
    assert blocked.status_code == 429
    assert 0 < int(blocked.headers["retry-after"]) <= 300
    assert "Too many tries" in blocked.text


def test_a_new_password_signs_other_browsers_out(service: Any, browser: httpx.Client) -> None:
    service.user("mary", Role.student, passwords.hash_password(PASSWORD))
    _sign_in(browser, "mary", PASSWORD)
    assert "mary" in browser.get("/logout").text
    with opened(service.settings) as db:
        store.the_user(db, "mary").password_hash = passwords.hash_password("another good one")
    assert "You are signed out" in browser.get("/logout").text


def test_a_cookie_cannot_be_written_by_hand(browser: httpx.Client, person: str) -> None:
    _sign_in(browser, person, PASSWORD)
    good = browser.cookies["openbeam_session"]
    browser.cookies.clear()
    browser.cookies.set("openbeam_session", "A" + good[1:], domain="127.0.0.1")
    assert "You are signed out" in browser.get("/logout").text


# ------------------------------------------------------------------------------------------------ first set-up
def test_the_first_administrator_sets_up_once(start_service: Callable[..., Any]) -> None:
    service = start_service()
    link = service.home.root / "setup-link"
    assert stat.S_IMODE(link.stat().st_mode) == 0o600
    url = link.read_text().strip()
    with opened(service.settings) as db:
        stored = db.query(SetupLinkRow).one().secret_hash
    assert stored not in url
    assert url.rpartition("/")[2] not in stored
    with service.client(Accept="text/html") as browser:
        form = _form(browser.get(url))
        for name, password, again, said in (
            ("root", "short", "short", "at least 10"),
            ("root", PASSWORD, PASSWORD + "!", "differ"),
            ("Röt", PASSWORD, PASSWORD, "small letters"),
            ("operator", PASSWORD, PASSWORD, "is taken"),
        ):
            refused = browser.post(url, data={"form": form, "name": name, "password": password, "again": again})
            assert refused.status_code in {409, 422}
            assert said in refused.text
        assert browser.post(url, data={"name": "root"}).status_code == 403
        made = browser.post(url, data={"form": form, "name": "root", "password": PASSWORD, "again": PASSWORD})
        assert (made.status_code, made.headers["location"]) == (303, service.settings.portal_url)
        assert "root" in browser.get(f"{service.url}/logout").text
        assert not link.exists()
        assert browser.get(url).status_code == 404
        form = _form(browser.get(f"{service.url}/logout"))
        late = browser.post(url, data={"form": form, "name": "eve", "password": PASSWORD, "again": PASSWORD})
        assert late.status_code == 404
    with opened(service.settings) as db:
        assert [(user.name, user.role) for user in store.users(db)] == [("operator", "admin"), ("root", "admin")]
    assert initialise(service.settings) is None
    assert not link.exists()


# ------------------------------------------------------------------------------------------------ personal tokens
@pytest.mark.parametrize(
    ("role", "scopes"),
    [
        (Role.student, "catalog:read functions:write tasks:run"),
        (Role.teacher, "catalog:read classes:manage datasets:write endpoints:manage functions:write tasks:run"),
        (Role.admin, "admin catalog:read classes:manage datasets:write endpoints:manage functions:write tasks:run"),
    ],
)
def test_a_token_does_what_its_owners_role_allows(service: Any, role: Role, scopes: str) -> None:
    name = f"{role}-{secrets.token_hex(3)}"
    me = service.whoami(service.user(name, role)).json()
    assert (me["name"], me["role"], me["scopes"]) == (name, role, scopes.split())


def test_a_token_with_fewer_scopes_stays_with_them(service: Any) -> None:
    with opened(service.settings) as db:
        operator = store.the_user(db, store.OPERATOR)
        token = tokens.make(db, operator, days=1, scopes=["catalog:read", "endpoint:agent", "openid"])
    assert service.whoami(token).json()["scopes"] == ["catalog:read", "openid"]


def test_a_token_expires_and_is_stored_as_a_digest(service: Any) -> None:
    token = service.user("brief")
    row_id, secret = token.removeprefix("obp_").split("_", 1)
    with opened(service.settings) as db:
        row = db.get_one(PersonalTokenRow, row_id)
        assert secret not in (row.secret_hash, row.id)
        assert row.last_used is None
    assert service.whoami(token).status_code == 200
    with opened(service.settings) as db:
        row = db.get_one(PersonalTokenRow, row_id)
        assert row.last_used is not None
        row.expires = now() - timedelta(seconds=1)
    assert service.whoami(token).status_code == 401


def test_tokens_that_are_not_quite_right_are_refused(service: Any) -> None:
    good = service.user("exact")
    assert service.whoami(good).status_code == 200
    for token in (good[:-1], good + "x", good.upper(), "obp_", "obp__", "obp_x_y", good.replace("obp_", "obp_0")):
        answer = service.whoami(token)
        assert (answer.status_code, answer.json()["error"]["kind"]) == (401, "NotSignedIn")


def test_no_token_at_all(service: Any) -> None:
    answer = service.anyone.get("/api/v1/whoami")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="openbeam"'
    assert answer.json()["error"]["kind"] == "NotSignedIn"
