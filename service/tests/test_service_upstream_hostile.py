"""What other providers, and who is between, may send: only what is proved signs somebody in."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import OctKey, RSAKey
from openbeam_service.cli import main
from openbeam_service.identity.models import IdentityRow
from openbeam_service.provision import opened
from sqlalchemy import delete
from support.ports import free_port
from support.rogue import CLIENT, SECRET, Rogue, running_rogue


@pytest.fixture(scope="module")
def running() -> Iterator[Rogue]:
    with running_rogue() as rogue:
        yield rogue


@pytest.fixture(scope="module")
def service(running: Rogue, start_for_module: Callable[..., Any]) -> Any:
    with_us = {"issuer": running.issuer, "client_id": CLIENT, "client_secret": SECRET}
    teachers = {"claim": "resource_access.openbeam.roles", "value": "teacher", "role": "teacher"}
    dead = f"http://127.0.0.1:{free_port()}"
    providers = {
        "one": {"label": "One", **with_us, "roles": [teachers]},
        "two": {"label": "Two", **with_us},
        "named": {"label": "Named", **with_us, "issuer": f"{running.issuer}/other"},
        "mail": {"label": "Mail", **with_us, "email_domains": ["school.example"]},
        "dead": {"label": "Dead", **with_us, "issuer": dead},
    }
    return start_for_module(OPENBEAM_PROVIDERS=json.dumps(providers))


@pytest.fixture
def rogue(running: Rogue) -> Rogue:
    running.honest()
    return running


@pytest.fixture
def browser(service: Any) -> Iterator[httpx.Client]:
    with service.client(Accept="text/html") as client:
        yield client


def leave(browser: httpx.Client, rogue: Rogue, provider: str = "one", **query: str) -> dict[str, str]:
    """Begin a sign-in; return what an honest provider sends back."""
    answer = browser.get(f"/login/with/{provider}", params=query)
    assert answer.status_code == 302, answer.text
    asked = parse_qs(urlsplit(answer.headers["location"]).query)
    rogue.nonce = asked["nonce"][0]
    return {"code": "c", "state": asked["state"][0]}


def back(browser: httpx.Client, sent: dict[str, str], provider: str = "one") -> httpx.Response:
    return browser.get(f"/login/back/{provider}", params=sent)


def is_signed_in(browser: httpx.Client) -> bool:
    return "signed in as" in browser.get("/logout").text


def test_who_proves_it_comes_in(browser: httpx.Client, rogue: Rogue) -> None:
    assert back(browser, leave(browser, rogue) | {"iss": rogue.issuer}).status_code == 303
    assert is_signed_in(browser)


def test_a_provider_s_new_key_is_taken_up(browser: httpx.Client, rogue: Rogue) -> None:
    assert back(browser, leave(browser, rogue)).status_code == 303
    old, rogue.key = rogue.key, RSAKey.generate_key(2048, parameters={"kid": "two"})
    rogue.header = {"kid": "two"}
    try:
        assert back(browser, leave(browser, rogue)).status_code == 303
    finally:
        rogue.key = old


PUBLIC = object()
FORGED: dict[str, dict[str, Any]] = {
    "another audience": {"claims": {"aud": "another"}},
    "among audiences, for another party": {"claims": {"aud": [CLIENT, "another"], "azp": "another"}},
    "no audience": {"claims": {"aud": None}},
    "an empty audience": {"claims": {"aud": []}},
    "another issuer": {"claims": {"iss": "https://accounts.google.com"}},
    "no issuer": {"claims": {"iss": None}},
    "another nonce": {"claims": {"nonce": "guessed"}},
    "no nonce": {"claims": {"nonce": None}},
    "expired": {"claims": {"exp": int(time.time()) - 3600}},
    "no expiry": {"claims": {"exp": None}},
    "no subject": {"claims": {"sub": None}},
    "an empty subject": {"claims": {"sub": ""}, "userinfo": {"sub": ""}},
    "a list of subjects": {"claims": {"sub": ["s-1"]}, "userinfo": {"sub": ["s-1"]}},
    "a very long subject": {"claims": {"sub": "s" * 300}, "userinfo": {"sub": "s" * 300}},
    "no signature": {"header": {"alg": "none"}},
    "our secret as the key": {"header": {"alg": "HS256"}, "signer": OctKey.import_key(SECRET)},
    "the public key as a secret": {"header": {"alg": "HS256"}, "shared": PUBLIC},
    "another key": {"signer": RSAKey.generate_key(2048, parameters={"kid": "one"})},
    "no ID token": {"without_id_token": True},
    "user info of somebody else": {"userinfo": {"sub": "s-2"}},
}


@pytest.mark.parametrize("lie", FORGED.values(), ids=FORGED.keys())
def test_what_proves_nothing_signs_nobody_in(browser: httpx.Client, rogue: Rogue, lie: dict[str, Any]) -> None:
    for name, value in lie.items():
        setattr(rogue, name, rogue.key.as_pem(private=False) if value is PUBLIC else value)
    refused = back(browser, leave(browser, rogue))
    assert refused.status_code == 403
    assert "did not say who you are" in refused.text
    assert not is_signed_in(browser)


def test_a_state_that_is_not_this_browser_s_is_refused(service: Any, browser: httpx.Client, rogue: Rogue) -> None:
    sent = leave(browser, rogue)
    for wrong in ({"code": "c"}, {"code": "c", "state": ""}, {"code": "c", "state": "guessed"}):
        assert back(browser, wrong).status_code == 403
    with service.client(Accept="text/html") as other:
        assert back(other, sent).status_code == 403
        leave(other, rogue)
        assert back(other, sent).status_code == 403
        assert not is_signed_in(other)


def test_an_answer_counts_once(browser: httpx.Client, rogue: Rogue) -> None:
    sent = leave(browser, rogue)
    assert back(browser, sent).status_code == 303
    again = back(browser, sent)
    assert (again.status_code, "begun elsewhere" in again.text) == (403, True)


def test_an_answer_of_one_provider_is_not_another_s(browser: httpx.Client, rogue: Rogue) -> None:
    assert back(browser, leave(browser, rogue, "one"), "two").status_code == 403
    mixed = back(browser, leave(browser, rogue, "one") | {"iss": "https://evil.example"})
    assert (mixed.status_code, "did not send you here" in mixed.text) == (403, True)
    assert not is_signed_in(browser)


def test_who_says_no_is_not_signed_in(browser: httpx.Client, rogue: Rogue) -> None:
    sent = leave(browser, rogue)
    said = {"error": "access_denied", "error_description": "<b>no</b>", "state": sent["state"]}
    refused = back(browser, said)
    assert refused.status_code == 403
    assert "<b>" not in refused.text
    assert 'href="/login"' in refused.text


def test_a_provider_that_is_away_is_a_plain_page(browser: httpx.Client, rogue: Rogue) -> None:
    away = browser.get("/login/with/dead", params={"next": "/account"})
    assert (away.status_code, "Dead does not answer" in away.text) == (503, True)
    assert 'href="/login?next=%2Faccount"' in away.text
    for path in ("/token", "/userinfo"):
        rogue.honest()
        sent = leave(browser, rogue)
        rogue.broken = frozenset({path})
        refused = back(browser, sent)
        assert refused.status_code == 503
        assert "does not answer" in refused.text
    assert not is_signed_in(browser)


def test_a_provider_under_another_name_is_not_used(browser: httpx.Client, rogue: Rogue) -> None:
    rogue.metadata = {"issuer": rogue.issuer}
    assert browser.get("/login/with/named").status_code == 503


def test_there_is_no_other_way(browser: httpx.Client) -> None:
    for path in ("/login/with/nothing", "/login/back/nothing"):
        assert browser.get(path).status_code == 404


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"email": "s@school.example", "email_verified": True}, 303),
        ({"email": "s@school.example", "email_verified": False}, 403),
        ({"email": "s@school.example", "email_verified": "true"}, 403),
        ({"email": "s@school.example"}, 403),
        ({"email": "s@school.example.evil.example", "email_verified": True}, 403),
        ({"email": "s@evil.example", "email_verified": True}, 403),
        ({"email": ["s@school.example"], "email_verified": True}, 403),
    ],
)
def test_only_a_verified_address_of_the_school_opens(
    browser: httpx.Client, rogue: Rogue, said: dict[str, Any], status: int
) -> None:
    rogue.claims = said
    assert back(browser, leave(browser, rogue, "mail"), "mail").status_code == status


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "/" + "x" * 3000])
def test_it_leads_to_no_other_site(service: Any, browser: httpx.Client, rogue: Rogue, target: str) -> None:
    answer = back(browser, leave(browser, rogue, next=target))
    assert answer.headers["location"] == service.settings.portal_url


@pytest.mark.parametrize(
    "name", ["", "operator", "cli", "<script>", "Ärger & Söhne", "x" * 200, ["a"], {"a": 1}, "\x00"]
)
def test_any_name_becomes_a_free_user_name(service: Any, browser: httpx.Client, rogue: Rogue, name: Any) -> None:
    with opened(service.settings) as db:
        db.execute(delete(IdentityRow))
    rogue.userinfo = {"preferred_username": name, "name": name}
    assert back(browser, leave(browser, rogue)).status_code == 303
    page = browser.get("/account").text
    found = re.search(r"User name <strong>(.*?)</strong>, student", page)
    assert found, page
    assert re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", found[1])
    assert found[1] not in {"operator", "cli"}
    assert "<script>" not in page


@pytest.mark.parametrize(
    ("said", "role"),
    [
        ({"openbeam": {"roles": ["x", "teacher"]}}, "teacher"),
        ({"openbeam": {"roles": "teacher"}}, "teacher"),
        ({"openbeam": {"roles": ["teachers"]}}, "student"),
        ({"openbeam": {"roles": {"teacher": True}}}, "student"),
        ({"openbeam": ["teacher"]}, "student"),
        ("teacher", "student"),
        (None, "student"),
    ],
)
def test_a_rule_fits_the_very_claim(service: Any, browser: httpx.Client, rogue: Rogue, said: Any, role: str) -> None:
    with opened(service.settings) as db:
        db.execute(delete(IdentityRow))
    rogue.claims = {"resource_access": said}
    assert back(browser, leave(browser, rogue)).status_code == 303
    assert f"</strong>, {role}." in browser.get("/account").text


def test_an_administrator_links_who_is_known(
    service: Any, browser: httpx.Client, rogue: Rogue, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    with opened(service.settings) as db:
        db.execute(delete(IdentityRow))
    service.user("known-person")
    monkeypatch.setenv("OPENBEAM_HOME", str(service.home.root))
    monkeypatch.setenv("OPENBEAM_DATABASE", service.settings.database)
    providers = {
        name: {**json.loads(one.model_dump_json()), "client_secret": SECRET}
        for name, one in service.settings.providers.items()
    }
    monkeypatch.setenv("OPENBEAM_PROVIDERS", json.dumps(providers))

    def type_(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["openbeam-service", "user", "link", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said, problems = capsys.readouterr()
        return int(ended.value.code or 0), said + problems

    assert "Did you mean one" in type_("known-person", "on", "s-1")[1]
    assert "Did you mean known-person" in type_("known-persom", "one", "s-1")[1]
    assert type_("known-person", "one", "s-1") == (0, "known-person may sign in with One.\n")
    assert back(browser, leave(browser, rogue)).status_code == 303
    assert "known-person" in browser.get("/logout").text
    service.user("late-person")
    assert "belongs to another account" in type_("late-person", "one", "s-1")[1]
