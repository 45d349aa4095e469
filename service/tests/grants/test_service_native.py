"""People's own programs: asked for on a page each time, sent back to their own machine only, refreshed once a token."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from oauth_walk import Browser, Native, answer_of
from openbeam.models import Role
from openbeam_service.audit.models import AuditRow
from openbeam_service.database import now
from openbeam_service.identity import store
from openbeam_service.identity.models import GrantRow
from openbeam_service.provision import opened


def _claims(service: Any, token: str) -> Any:
    keys = KeySet.import_key_set(service.anyone.get("/oauth/jwks").json())
    return jwt.decode(token, keys, algorithms=["ES256"])


# ------------------------------------------------------------------------------------------------ the page
def test_the_page_says_plainly_who_asks_for_what(native: Native, person: str) -> None:
    page = native.authorize()
    assert page.status_code == 200
    for words in (person, "Openbeam client", "run functions for you", "see the functions", "just started it yourself"):
        assert words in page.text
    # A student may publish functions, so it is asked; nobody asked for more.
    assert "publish functions in your name" in page.text
    assert "administer" not in page.text
    assert "form-action 'self' http://127.0.0.1:54321;" in page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert page.headers["x-frame-options"] == "DENY"


def test_what_a_role_may_not_have_is_not_asked(native: Native) -> None:
    page = native.authorize(scope="openid catalog:read admin endpoints:manage")
    assert "administer" not in page.text
    assert "endpoints" in page.text
    assert "register and change your endpoints" not in page.text


def test_a_person_is_asked_every_time(native: Native) -> None:
    native.tokens()
    assert "Allow" in native.authorize().text
    told = answer_of(native.authorize(prompt="none"))
    assert (told["error"], told["state"]) == ("consent_required", "the state")


def test_no_is_no(native: Native) -> None:
    for decision in ("deny", "", "ALLOW"):
        told = answer_of(native.decide(decision))
        assert told["error"] == "access_denied"
        assert "code" not in told
        assert told["iss"] == native.service.url


def test_another_site_cannot_allow(native: Native) -> None:
    page = native.authorize()
    for forged in ({}, {"form": ""}, {"form": "guessed"}):
        answer = native.browser.http.post(str(page.url), data={"decision": "allow", **forged})
        assert answer.status_code == 403
        assert "location" not in answer.headers


def test_who_is_not_signed_in_signs_in_first(service: Any, browser: Browser, person: str) -> None:
    native = Native(service, browser)
    first = native.authorize()
    assert first.headers["location"].startswith("/login?")
    back = browser.sign_in(person, answer_of(first)["next"])
    assert "Allow" in browser.http.get(back.headers["location"]).text


# ------------------------------------------------------------------------------------------------ where it leads
@pytest.mark.parametrize(
    "uri", ["http://127.0.0.1:1/callback", "http://127.0.0.1:65000/callback", "http://[::1]:8000/callback"]
)
def test_any_port_of_one_s_own_machine_will_do(native: Native, uri: str) -> None:
    answer = native.decide("allow", redirect_uri=uri)
    assert answer.headers["location"].startswith(f"{uri}?code=")
    assert native.exchange(answer_of(answer)["code"], redirect_uri=uri).status_code == 200


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:5000/elsewhere",
        "http://127.0.0.1:5000/callback/../x",
        "http://127.0.0.1:5000/callback?next=https://evil.example",
        "http://127.0.0.1:5000/callback#x",
        "http://127.0.0.1:5000@evil.example/callback",
        "http://127.0.0.1.evil.example:5000/callback",
        "http://evil.example:5000/callback",
        "http://localhost:5000/callback",
        "https://127.0.0.1:5000/callback",
        "http://127.0.0.2:5000/callback",
        "http://[::1]:5000@evil.example/callback",
        "http://127.0.0.1:١٢/callback",
        "http://127.0.0.1:5000/callback\n",
        "javascript:alert(1)",
        "//127.0.0.1:5000/callback",
    ],
)
def test_nothing_else_will(native: Native, uri: str) -> None:
    answer = native.authorize(redirect_uri=uri)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert 'name="decision"' not in answer.text


# ------------------------------------------------------------------------------------------------ tokens
def test_tokens_of_a_program_are_short_and_renewed(service: Any, native: Native, person: str) -> None:
    first = native.tokens()
    assert first["expires_in"] == 15 * 60
    access = _claims(service, first["access_token"])
    assert access.header["typ"] == "at+jwt"
    assert access.header["kid"]
    assert access.claims["client_id"] == "openbeam"
    assert {"jti", "sid", "auth_time", "iat", "exp", "sub", "aud", "iss"} <= access.claims.keys()
    assert service.whoami(first["access_token"]).json()["name"] == person
    second = native.refresh(first["refresh_token"])
    assert second.status_code == 200
    assert second.headers["cache-control"] == "no-store"
    renewed = second.json()
    assert renewed["refresh_token"] != first["refresh_token"]
    assert service.whoami(renewed["access_token"]).json()["name"] == person
    again = _claims(service, renewed["access_token"]).claims
    assert (again["sid"], again["auth_time"]) == (access.claims["sid"], access.claims["auth_time"])
    assert again["jti"] != access.claims["jti"]
    assert native.refresh(renewed["refresh_token"]).status_code == 200


def test_only_digests_are_stored(service: Any, native: Native) -> None:
    tokens = native.tokens()
    handle, _, secret = tokens["refresh_token"].removeprefix("obr_").partition("_")
    with opened(service.settings) as db:
        row = db.query(GrantRow).filter_by(handle=handle).one()
    assert secret not in str(vars(row))
    assert tokens["access_token"] not in str(vars(row))


def test_who_may_more_one_day_has_not_granted_it(service: Any, native: Native, person: str) -> None:
    tokens = native.tokens(scope="openid catalog:read endpoints:manage admin")
    assert tokens["scope"] == "openid catalog:read"
    with opened(service.settings) as db:
        store.the_user(db, person).role = Role.admin
    renewed = native.refresh(tokens["refresh_token"]).json()
    for token in (tokens, renewed):
        assert service.whoami(token["access_token"]).json()["scopes"] == ["catalog:read", "openid"]
    nothing = native.exchange(native.code(scope="endpoints:manage"))
    with opened(service.settings) as db:
        store.the_user(db, person).role = Role.student
    assert nothing.status_code == 200
    assert native.exchange(native.code(scope="admin")).json()["error"] == "invalid_scope"


def test_a_used_refresh_token_takes_the_whole_family_away(service: Any, native: Native) -> None:
    first = native.tokens()
    second = native.refresh(first["refresh_token"]).json()
    replayed = native.refresh(first["refresh_token"])
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")
    assert native.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"
    for tokens in (first, second):
        refused = service.whoami(tokens["access_token"])
        assert refused.status_code == 401
        assert "has been ended" in refused.json()["error"]["message"]
    sid = _claims(service, first["access_token"]).claims["sid"]
    with opened(service.settings) as db:
        (row,) = db.query(AuditRow).filter_by(action="grant.revoke", object_id=sid)
    assert (row.actor, row.details["reason"]) == ("service", "used twice")


def test_of_many_at_once_at_most_one_is_served(native: Native) -> None:
    token = native.tokens()["refresh_token"]
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: native.refresh(token), range(6)))
    served = [answer for answer in answers if answer.status_code == 200]
    assert len(served) <= 1
    assert {answer.json()["error"] for answer in answers if answer not in served} == {"invalid_grant"}
    assert all(native.refresh(answer.json()["refresh_token"]).status_code == 400 for answer in served)


def test_a_stolen_refresh_token_is_no_use_to_another_client(service: Any, native: Native) -> None:
    tokens = native.tokens()
    secret = (service.home.keys / "portal-client.secret").read_text().strip()
    fields = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    stolen = service.anyone.post("/oauth/token", data=fields, auth=("portal", secret))
    assert (stolen.status_code, stolen.json()["error"]) == (400, "invalid_grant")
    assert service.whoami(tokens["access_token"]).status_code == 401
    assert native.refresh(tokens["refresh_token"]).status_code == 400


@pytest.mark.parametrize("token", ["", "x", "obr_", "obr_x_y", "obr__", "obp_x_y", "obr_" + "a" * 3000, "é"])
def test_what_is_no_refresh_token_is_refused(native: Native, token: str) -> None:
    answer = native.refresh(token)
    assert answer.status_code == 400
    assert answer.json()["error"] in {"invalid_grant", "invalid_request"}


def test_less_may_be_asked_for_and_never_more(service: Any, native: Native) -> None:
    tokens = native.tokens()
    less = native.refresh(tokens["refresh_token"], scope="catalog:read").json()
    assert service.whoami(less["access_token"]).json()["scopes"] == ["catalog:read"]
    more = native.refresh(less["refresh_token"], scope="catalog:read admin")
    assert more.json()["error"] == "invalid_scope"
    # A refusal costs nothing: the same token still works, with all that was granted.
    whole = native.refresh(less["refresh_token"]).json()
    assert "tasks:run" in service.whoami(whole["access_token"]).json()["scopes"]


def test_a_refresh_token_ends(service: Any, native: Native) -> None:
    tokens = native.tokens()
    with opened(service.settings) as db:
        db.query(GrantRow).filter_by(handle=tokens["refresh_token"].split("_")[1]).one().expires = now()
    assert native.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert service.whoami(tokens["access_token"]).status_code == 401


def test_a_closed_account_gets_no_new_tokens(service: Any, native: Native, person: str) -> None:
    tokens, code = native.tokens(), native.code()
    with opened(service.settings) as db:
        store.the_user(db, person).active = False
    assert native.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert native.exchange(code).json()["error"] == "invalid_grant"
    assert service.whoami(tokens["access_token"]).status_code == 401


# ------------------------------------------------------------------------------------------------ codes
def test_a_code_that_comes_twice_takes_away_what_it_gave(service: Any, native: Native) -> None:
    code = native.code()
    tokens = native.exchange(code).json()
    assert service.whoami(tokens["access_token"]).status_code == 200
    assert native.exchange(code).json()["error"] == "invalid_grant"
    assert service.whoami(tokens["access_token"]).status_code == 401
    assert native.refresh(tokens["refresh_token"]).status_code == 400


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": None}, "invalid_request"),
        ({"code_verifier": "v" * 43}, "invalid_grant"),
        ({"redirect_uri": "http://127.0.0.1:54322/callback"}, "invalid_grant"),
        ({"client_id": None}, "invalid_client"),
        ({"client_id": "portal"}, "invalid_client"),
        ({"client_secret": "any"}, "invalid_client"),
    ],
)
def test_a_stolen_code_of_a_program_is_worthless(native: Native, change: dict[str, str | None], error: str) -> None:
    answer = native.exchange(native.code(), **change)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error


@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
    ],
)
def test_pkce_is_not_optional(native: Native, change: dict[str, str | None]) -> None:
    told = answer_of(native.authorize(**change))
    assert told["error"] == "invalid_request"


def test_the_portal_gets_a_refresh_token_when_it_asks(service: Any, signed_in: Browser) -> None:
    native = Native(service, signed_in)
    redirect = f"{service.settings.portal_url}/oauth2callback"
    secret = (service.home.keys / "portal-client.secret").read_text().strip()
    asked = native.authorize(client_id="portal", redirect_uri=redirect, scope="openid offline_access catalog:read")
    fields = {"grant_type": "authorization_code", "code": answer_of(asked)["code"], "redirect_uri": redirect}
    fields["code_verifier"] = native.verifier
    tokens = service.anyone.post("/oauth/token", data=fields, auth=("portal", secret)).json()
    assert tokens["expires_in"] == 15 * 60
    renew = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert service.anyone.post("/oauth/token", data=renew).json()["error"] == "invalid_client"
    assert service.anyone.post("/oauth/token", data=renew, auth=("portal", "wrong")).status_code == 401
    assert service.anyone.post("/oauth/token", data=renew, auth=("portal", secret)).status_code == 200


def test_a_grant_is_on_record(service: Any, new_person: Callable[..., str], browser: Browser) -> None:
    name = new_person(Role.teacher)
    browser.sign_in(name)
    Native(service, browser).tokens()
    with opened(service.settings) as db:
        rows = db.query(AuditRow).filter_by(actor=name).order_by(AuditRow.id).all()
    assert [(row.action, row.client) for row in rows] == [("user.sign_in", "browser"), ("grant.make", "openbeam")]
    assert re.search("tasks:run", rows[1].details["scope"])
