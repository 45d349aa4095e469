"""Signing in: the portal's way (authorization code, PKCE), as a browser and a client would walk it."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet
from openbeam.models import Role
from openbeam_service.database import now
from openbeam_service.identity import passwords, store
from openbeam_service.identity.models import AuthorizationCodeRow, OAuthClientRow
from openbeam_service.provision import opened

PASSWORD = "four words are enough"
SCOPE = "openid profile catalog:read tasks:run endpoints:manage"


class Portal:
    """The portal's half of the flow, and a browser."""

    def __init__(self, service: Any) -> None:
        self.service = service
        self.redirect = f"{service.settings.portal_url}/oauth2callback"
        self.secret = (service.home.keys / "portal-client.secret").read_text().strip()
        self.browser = service.client(Accept="text/html")
        self.verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        self.query = {
            "response_type": "code",
            "client_id": "portal",
            "redirect_uri": self.redirect,
            "scope": SCOPE,
            "state": "the state",
            "nonce": "the nonce",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }

    def authorize(self, **changes: str | None) -> httpx.Response:
        query = {key: value for key, value in {**self.query, **changes}.items() if value is not None}
        return self.browser.get("/oauth/authorize", params=query)

    def sign_in(self, name: str, password: str = PASSWORD, target: str = "") -> httpx.Response:
        form = re.search('name="form" value="([^"]+)"', self.browser.get("/login").text)
        assert form
        fields = {"form": form[1], "next": target, "name": name, "password": password}
        return self.browser.post("/login", data=fields)

    def code(self, name: str) -> str:
        assert self.sign_in(name).status_code == 303
        return parse_qs(urlsplit(self.authorize().headers["location"]).query)["code"][0]

    def exchange(self, code: str, /, **changes: str) -> httpx.Response:
        fields = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect,
            "code_verifier": self.verifier,
        }
        auth = ("portal", changes.pop("secret", self.secret))
        return self.service.anyone.post("/oauth/token", data=fields | changes, auth=auth)

    def tokens(self, name: str) -> dict[str, Any]:
        answer = self.exchange(self.code(name))
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@pytest.fixture
def portal(service: Any) -> Any:
    walk = Portal(service)
    yield walk
    walk.browser.close()


@pytest.fixture(scope="module")
def hashed() -> str:
    return passwords.hash_password(PASSWORD)


@pytest.fixture
def person(service: Any, hashed: str) -> str:
    name = f"p{secrets.token_hex(4)}"
    service.user(name, Role.student, hashed)
    return name


# ------------------------------------------------------------------------------------------------ the whole way
def test_a_person_signs_in_to_the_portal_and_calls_the_api(service: Any, portal: Portal, person: str) -> None:
    first = portal.authorize()
    assert first.status_code == 303
    assert urlsplit(first.headers["location"]).path == "/login"
    target = parse_qs(urlsplit(first.headers["location"]).query)["next"][0]
    assert portal.browser.get(first.headers["location"]).status_code == 200

    signed_in = portal.sign_in(person, target=target)
    assert signed_in.status_code == 303
    assert signed_in.headers["location"] == target
    back = portal.browser.get(target)
    assert back.status_code == 302
    assert back.headers["location"].startswith(portal.redirect + "?")
    answer = parse_qs(urlsplit(back.headers["location"]).query)
    assert answer["state"] == ["the state"]
    assert answer["iss"] == [service.url]

    tokens = portal.exchange(answer["code"][0])
    assert tokens.status_code == 200
    assert tokens.headers["cache-control"] == "no-store"
    assert tokens.json()["expires_in"] == 8 * 3600
    me = portal.service.whoami(tokens.json()["access_token"])
    assert me.json()["name"] == person
    # A student's role does not include endpoints:manage, whatever the portal asks for.
    assert me.json()["scopes"] == ["catalog:read", "openid", "profile", "tasks:run"]


def test_tokens_say_what_the_standards_want(service: Any, portal: Portal, person: str) -> None:
    tokens = portal.tokens(person)
    keys = KeySet.import_key_set(service.anyone.get("/oauth/jwks").json())
    access = jwt.decode(tokens["access_token"], keys, algorithms=["ES256"])
    assert access.header["typ"] == "at+jwt"
    assert access.claims["iss"] == service.url
    assert access.claims["aud"] == f"{service.url}/api/v1"
    assert access.claims["client_id"] == "portal"
    assert access.claims["scope"] == SCOPE
    assert {"jti", "iat", "exp", "sub"} <= access.claims.keys()
    identity = jwt.decode(tokens["id_token"], keys, algorithms=["ES256"]).claims
    assert identity["aud"] == "portal"
    assert identity["nonce"] == "the nonce"
    assert identity["preferred_username"] == person
    assert identity["sub"] == access.claims["sub"]
    assert abs(identity["auth_time"] - time.time()) < 60
    told = service.anyone.get("/oauth/userinfo", headers={"Authorization": f"Bearer {tokens['access_token']}"})
    assert told.json() == {"sub": identity["sub"], "name": person, "preferred_username": person, "role": "student"}


def test_discovery_and_keys_show_no_private_part(service: Any) -> None:
    document = service.anyone.get("/.well-known/openid-configuration").json()
    assert document["issuer"] == service.url
    assert document["code_challenge_methods_supported"] == ["S256"]
    addresses = {name: value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))}
    assert {"device_authorization_endpoint", "revocation_endpoint", "userinfo_endpoint"} < addresses.keys()
    for address in addresses.values():
        # Each is there, whatever it says to a request without anything.
        assert service.anyone.post(address).status_code != 404
    keys = service.anyone.get(document["jwks_uri"]).json()["keys"]
    assert [set(key) for key in keys] == [{"kty", "crv", "x", "y", "kid", "alg", "use"}]


# ------------------------------------------------------------------------------------------------ at authorize
@pytest.mark.parametrize(
    "change",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": None},
        {"code_challenge": "short"},
        {"nonce": "n" * 301},
        {"scope": "everything"},
        {"scope": "admin"},
    ],
)
def test_authorize_refuses_and_tells_the_client(portal: Portal, change: dict[str, str | None]) -> None:
    answer = portal.authorize(**change)
    assert answer.status_code == 302
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    assert answer.headers["location"].startswith(portal.redirect)
    assert told["error"][0] in {"invalid_request", "invalid_scope"}
    assert told["state"] == ["the state"]
    assert told["iss"] == [portal.service.url]


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "http://127.0.0.1:8601/oauth2callback/"},
        {"redirect_uri": "https://evil.example/oauth2callback"},
        {"redirect_uri": 'http://127.0.0.1:8601/oauth2callback"\\é'},
        {"redirect_uri": None},
        {"client_id": "nobody"},
        {"client_id": None},
        {"client_id": "nobody", "response_type": "token"},
    ],
)
def test_authorize_never_redirects_where_it_is_not_sure(
    portal: Portal, person: str, change: dict[str, str | None]
) -> None:
    portal.sign_in(person)
    answer = portal.authorize(**change)
    assert answer.status_code == 400
    assert "location" not in answer.headers
    assert "does not work" in answer.text


def test_prompts(portal: Portal, person: str) -> None:
    silent = parse_qs(urlsplit(portal.authorize(prompt="none").headers["location"]).query)
    assert silent["error"] == ["login_required"]
    portal.sign_in(person)
    assert "code=" in portal.authorize(prompt="none").headers["location"]
    assert "code=" in portal.authorize(prompt="select_account").headers["location"]
    again = portal.authorize(prompt="login").headers["location"]
    assert again.startswith("/login?")
    assert "prompt" not in again


# ------------------------------------------------------------------------------------------------ at token
def test_a_code_works_once(portal: Portal, person: str) -> None:
    code = portal.code(person)
    assert portal.exchange(code).status_code == 200
    again = portal.exchange(code)
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")


def test_a_code_is_not_stored_and_does_not_outlive_its_minute(service: Any, portal: Portal, person: str) -> None:
    code = portal.code(person)
    with opened(service.settings) as db:
        row = db.get(AuthorizationCodeRow, hashlib.sha256(code.encode()).hexdigest())
        assert row is not None
        assert 0 < (row.expires - now()).total_seconds() <= 60
        assert db.get(AuthorizationCodeRow, code) is None
        row.expires = now()
    assert portal.exchange(code).json()["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"redirect_uri": "http://127.0.0.1:8601/elsewhere"}, "invalid_grant"),
        ({"code_verifier": "v" * 43}, "invalid_grant"),
        ({"code_verifier": ""}, "invalid_request"),
        ({"code": "another"}, "invalid_grant"),
        ({"secret": "another"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "invalid_client"),
    ],
)
def test_a_stolen_code_is_worthless(portal: Portal, person: str, change: dict[str, str], error: str) -> None:
    answer = portal.exchange(portal.code(person), **change)
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] == error


@pytest.mark.parametrize("header", ["Basic", "Basic /////w==", "Basic é", "Basic cG9ydGFs", "Bearer x"])
def test_garbage_in_the_authorization_header_is_refused(service: Any, header: str) -> None:
    answer = service.anyone.post(
        "/oauth/token",
        data={"grant_type": "authorization_code", "code": "x"},
        headers={"Authorization": header.encode()},
    )
    assert answer.status_code in {400, 401}
    assert answer.json()["error"] in {"invalid_client", "invalid_request"}


# ------------------------------------------------------------------------------------------------ at the API
def test_an_id_token_is_not_an_access_token(portal: Portal, person: str) -> None:
    assert portal.service.whoami(portal.tokens(person)["id_token"]).status_code == 401


def test_a_closed_account_is_refused_at_once_everywhere(service: Any, portal: Portal, person: str) -> None:
    token, code = portal.tokens(person)["access_token"], portal.code(person)
    assert portal.service.whoami(token).status_code == 200
    with opened(service.settings) as db:
        store.the_user(db, person).active = False
    refused = portal.service.whoami(token)
    assert refused.status_code == 401
    assert "closed" in refused.json()["error"]["message"]
    assert portal.exchange(code).json()["error"] == "invalid_grant"
    assert portal.authorize().headers["location"].startswith("/login?")
    assert "is wrong" in portal.sign_in(person).text


def test_taking_a_role_away_takes_its_scopes_away(service: Any, portal: Portal, person: str) -> None:
    with opened(service.settings) as db:
        store.the_user(db, person).role = Role.teacher
    token = portal.tokens(person)["access_token"]
    assert "endpoints:manage" in portal.service.whoami(token).json()["scopes"]
    with opened(service.settings) as db:
        store.the_user(db, person).role = Role.student
    assert "endpoints:manage" not in portal.service.whoami(token).json()["scopes"]


def test_tokens_of_a_client_that_is_gone_are_refused(service: Any, portal: Portal, person: str) -> None:
    token = portal.tokens(person)["access_token"]
    with opened(service.settings) as db:
        db.get_one(OAuthClientRow, "portal").active = False
    try:
        assert portal.service.whoami(token).status_code == 401
        assert portal.authorize().status_code == 400
    finally:
        with opened(service.settings) as db:
            db.get_one(OAuthClientRow, "portal").active = True
    assert portal.service.whoami(token).status_code == 200


# ------------------------------------------------------------------------------------------------ signing out
def test_the_portal_signs_out_with_its_id_token(portal: Portal, person: str) -> None:
    tokens = portal.tokens(person)
    query = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": portal.redirect, "client_id": "portal"}
    out = portal.browser.get("/logout", params=query)
    assert (out.status_code, out.headers["location"]) == (303, portal.redirect)
    assert portal.service.whoami(tokens["access_token"]).status_code == 401
    assert portal.authorize().headers["location"].startswith("/login?")


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example"])
def test_signing_out_leads_nowhere_else(portal: Portal, person: str, elsewhere: str) -> None:
    hint = portal.tokens(person)["id_token"]
    out = portal.browser.get("/logout", params={"id_token_hint": hint, "post_logout_redirect_uri": elsewhere})
    assert (out.status_code, out.headers["location"]) == (303, portal.service.settings.portal_url)


def test_signing_out_without_a_hint_asks_first(portal: Portal, person: str) -> None:
    portal.sign_in(person)
    asked = portal.browser.get("/logout", params={"id_token_hint": "garbage"})
    assert asked.status_code == 200
    assert person in asked.text
    assert portal.browser.post("/logout").status_code == 403
    assert "code=" in portal.authorize().headers["location"]
    form = re.search('name="form" value="([^"]+)"', asked.text)
    assert form
    out = portal.browser.post("/logout", data={"form": form[1]}, follow_redirects=True)
    assert "You are signed out" in out.text
    assert portal.authorize().headers["location"].startswith("/login?")
