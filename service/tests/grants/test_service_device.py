"""Programs without a browser: a short code on their screen, a person's word elsewhere, tokens once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from oauth_walk import Browser, Native, answer_of
from openbeam_service.audit.models import AuditRow
from openbeam_service.database import now
from openbeam_service.identity import store
from openbeam_service.identity.models import DeviceCodeRow
from openbeam_service.provision import opened


def _row(db: Any, begun: dict[str, Any]) -> DeviceCodeRow:
    return db.get_one(DeviceCodeRow, hashlib.sha256(begun["device_code"].encode()).hexdigest())  # type: ignore[no-any-return]


def _let_it_ask_again(service: Any, begun: dict[str, Any]) -> None:
    with opened(service.settings) as db:
        _row(db, begun).asked = None


# ------------------------------------------------------------------------------------------------ the whole way
def test_a_person_allows_a_program_elsewhere(service: Any, browser: Browser, person: str) -> None:
    native = Native(service, browser)
    begun = native.begin_device()
    assert begun["verification_uri"] == f"{service.url}/device"
    assert begun["verification_uri_complete"] == f"{service.url}/device?user_code={begun['user_code']}"
    assert re.fullmatch("[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}", begun["user_code"])
    assert (begun["expires_in"], begun["interval"]) == (600, 5)
    waiting = native.poll(begun["device_code"])
    assert (waiting.status_code, waiting.json()["error"]) == (400, "authorization_pending")

    first = browser.http.get(begun["verification_uri_complete"])
    signed_in = browser.sign_in(person, answer_of(first)["next"])
    page = browser.http.get(signed_in.headers["location"])
    assert f'value="{begun["user_code"]}"' in page.text
    asked = browser.type_code(begun["user_code"])
    for words in (person, begun["user_code"], "127.0.0.1", "run functions for you", "see the same code there"):
        assert words in asked.text
    assert native.poll(begun["device_code"]).json()["error"] == "slow_down"
    done = browser.type_code(begun["user_code"], decision="allow")
    assert "Go back to the program" in done.text

    tokens = native.poll(begun["device_code"])
    assert tokens.status_code == 200
    assert service.whoami(tokens.json()["access_token"]).json()["name"] == person
    assert native.refresh(tokens.json()["refresh_token"]).status_code == 200
    with opened(service.settings) as db:
        actions = [row.action for row in db.query(AuditRow).filter_by(actor=person).order_by(AuditRow.id)]
    assert actions == ["user.sign_in", "grant.allow", "grant.make"]


def test_a_code_may_be_typed_in_any_way(native: Native) -> None:
    code = native.begin_device()["user_code"]
    for typed in (code.lower(), code.replace("-", ""), f" {code[:4]} {code[5:]} "):
        assert "Allow" in native.browser.type_code(typed).text


def test_no_is_told_to_the_program(native: Native) -> None:
    begun = native.begin_device()
    assert "Nothing was allowed" in native.browser.type_code(begun["user_code"], decision="deny").text
    assert native.poll(begun["device_code"]).json()["error"] == "access_denied"
    assert "No program waits" in native.browser.type_code(begun["user_code"], decision="allow").text
    assert native.poll(begun["device_code"]).json()["error"] == "access_denied"


# ------------------------------------------------------------------------------------------------ the program's side
def test_a_program_that_asks_too_often_must_wait_longer(service: Any, native: Native) -> None:
    begun = native.begin_device()
    errors = [native.poll(begun["device_code"]).json()["error"] for _ in range(3)]
    assert errors == ["authorization_pending", "slow_down", "slow_down"]
    with opened(service.settings) as db:
        assert _row(db, begun).interval == 15
    _let_it_ask_again(service, begun)
    assert native.poll(begun["device_code"]).json()["error"] == "authorization_pending"


def test_a_used_device_code_takes_away_what_it_gave(service: Any, native: Native) -> None:
    begun = native.begin_device()
    native.browser.type_code(begun["user_code"], decision="allow")
    tokens = native.poll(begun["device_code"]).json()
    assert service.whoami(tokens["access_token"]).status_code == 200
    replayed = native.poll(begun["device_code"])
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    assert service.whoami(tokens["access_token"]).status_code == 401
    assert native.refresh(tokens["refresh_token"]).status_code == 400
    assert "No program waits" in native.browser.type_code(begun["user_code"], decision="allow").text


def test_of_many_questions_at_once_one_is_served(native: Native) -> None:
    begun = native.begin_device()
    native.browser.type_code(begun["user_code"], decision="allow")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: native.poll(begun["device_code"]), range(6)))
    assert sum(answer.status_code == 200 for answer in answers) <= 1
    refused = [answer for answer in answers if answer.status_code != 200]
    assert refused
    # Who looked at the very moment when the code was taken is told to try again.
    assert all(one.status_code == 409 or one.json()["error"] == "invalid_grant" for one in refused)


def test_codes_expire(service: Any, native: Native) -> None:
    begun = native.begin_device()
    with opened(service.settings) as db:
        assert begun["device_code"] not in str(vars(_row(db, begun)))
        assert begun["user_code"] not in str(vars(_row(db, begun)))
        _row(db, begun).expires = now() - timedelta(seconds=1)
    assert native.poll(begun["device_code"]).json()["error"] == "expired_token"
    assert "No program waits" in native.browser.type_code(begun["user_code"]).text


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"client_id": None}, "invalid_client"),
        ({"client_id": "nobody"}, "invalid_client"),
        ({"client_id": "portal"}, "invalid_client"),
        ({"client_secret": "x"}, "invalid_client"),
        ({"scope": "endpoint:agent"}, "invalid_scope"),
        ({"scope": "everything"}, "invalid_scope"),
    ],
)
def test_who_may_not_begin(native: Native, fields: dict[str, str | None], error: str) -> None:
    answer = native.post("/oauth/device_authorization", **{"scope": "openid", **fields})
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"device_code": "guessed"}, "invalid_grant"),
        ({"device_code": None}, "invalid_request"),
        ({"client_id": "portal"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
    ],
)
def test_who_may_not_ask(native: Native, changes: dict[str, str | None], error: str) -> None:
    begun = native.begin_device()
    answer = native.post(
        "/oauth/token", **{"grant_type": "urn:ietf:params:oauth:grant-type:device_code", **begun, **changes}
    )
    assert (answer.json()["error"], answer.status_code in {400, 401}) == (error, True)


# ------------------------------------------------------------------------------------------------ the person's side
def test_another_site_cannot_allow_a_program(native: Native) -> None:
    begun = native.begin_device()
    for forged in ({}, {"form": ""}, {"form": "guessed"}):
        fields = {"code": begun["user_code"], "decision": "allow", **forged}
        assert native.browser.http.post("/device", data=fields).status_code == 403
    assert native.poll(begun["device_code"]).json()["error"] == "authorization_pending"


def test_who_is_not_signed_in_decides_nothing(service: Any, browser: Browser) -> None:
    native = Native(service, browser)
    begun = native.begin_device()
    form = browser.form_of(browser.http.get("/login"))
    fields = {"form": form, "code": begun["user_code"], "decision": "allow"}
    assert browser.http.post("/device", data=fields).headers["location"].startswith("/login?")
    assert native.poll(begun["device_code"]).json()["error"] == "authorization_pending"


def test_a_closed_account_allows_nothing(service: Any, native: Native, person: str) -> None:
    begun = native.begin_device()
    native.browser.type_code(begun["user_code"], decision="allow")
    with opened(service.settings) as db:
        store.the_user(db, person).active = False
    assert native.poll(begun["device_code"]).json()["error"] == "invalid_grant"


def test_what_is_typed_is_shown_as_text(native: Native) -> None:
    hostile = '"><script>1</script>'
    assert "<script>" not in native.browser.type_code(hostile).text
    assert "<script>" not in native.browser.http.get("/device", params={"user_code": hostile}).text


def test_codes_cannot_be_guessed_at_will(start_service: Callable[..., Any], hashed: str) -> None:
    service = start_service(OPENBEAM_RATE_DEVICE_CODE="3 per 10 minutes", OPENBEAM_RATE_DEVICE="2 per minute")
    service.user("ada", password_hash=hashed)
    with service.client(Accept="text/html") as http:
        browser = Browser(http)
        native = Native(service, browser)
        browser.sign_in("ada")
        begun = native.begin_device()
        assert [browser.type_code(f"BCDF-BCD{last}").status_code for last in "FGH"] == [422, 422, 422]
        blocked = browser.type_code(begun["user_code"], decision="allow")
        assert blocked.status_code == 429
        assert 0 < int(blocked.headers["retry-after"]) <= 600
        assert "Too many tries" in blocked.text
        assert native.poll(begun["device_code"]).json()["error"] == "authorization_pending"
        native.begin_device()
        refused = native.post("/oauth/device_authorization", scope="openid")
        assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
        assert 0 < int(refused.headers["retry-after"]) <= 60
