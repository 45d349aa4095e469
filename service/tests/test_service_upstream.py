"""Sign-in by another provider, against a real one: Canaille, as a process of its own."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from openbeam.models import Role
from openbeam_service.audit.models import AuditRow
from openbeam_service.identity import passwords, store
from openbeam_service.identity.models import IdentityRow
from openbeam_service.provision import opened
from sqlalchemy import select
from support.ports import free_port
from support.provider import SECRET, Canaille, person, running_canaille, walk

PASSWORD = "four words are enough"
PEOPLE = [
    person("u1", "ada", "Lovelace"),
    person("u2", "ada", "Byron"),
    person("u3", "tess", "Teacher"),
    person("u4", "grace", "Hopper"),
    person("u5", "linus", "Newcomer"),
    person("u6", "mary@school.example", "Somerville", formatted_name="Mary Somerville"),
    person("u7", "emmy", "Noether"),
]


@pytest.fixture(scope="module")
def service_url() -> str:
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def canaille(service_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Canaille]:
    names = ("school", "plain", "known", "strict", "domain")
    callbacks = {name: f"{service_url}/login/back/{name}" for name in names}
    with running_canaille(tmp_path_factory.mktemp("canaille"), PEOPLE, callbacks) as provider:
        yield provider


@pytest.fixture(scope="module")
def service(canaille: Canaille, service_url: str, start_for_module: Callable[..., Any]) -> Any:
    issuer = canaille.issuer
    plain = {"authorize_url": "oauth/authorize", "token_url": "oauth/token", "userinfo_url": "test/user"}
    teachers = [{"claim": "family_name", "value": "Teacher", "role": "teacher"}]
    providers: dict[str, dict[str, Any]] = {
        "school": {"label": "School", "issuer": issuer, "roles": teachers},
        "plain": {"label": "Plain", "issuer": issuer, "scopes": ["profile"], "subject": "id", "user_name": "login"}
        | {key: f"{issuer}/{path}" for key, path in plain.items()},
        "known": {"label": "Known", "issuer": issuer, "sign_up": False},
        "strict": {"label": "Strict", "issuer": issuer, "require": {"family_name": ["Nobody"]}},
        "domain": {"label": "Domain", "issuer": issuer, "scopes": ["openid", "email"]}
        | {"email_domains": ["elsewhere.example"]},
    }
    for name, one in providers.items():
        one |= {"client_id": name, "client_secret": SECRET}
    return start_for_module(OPENBEAM_URL=service_url, OPENBEAM_PROVIDERS=json.dumps(providers))


@pytest.fixture
def browser(service: Any) -> Iterator[httpx.Client]:
    with service.client(Accept="text/html") as client:
        yield client


def come(service: Any, browser: httpx.Client, name: str, provider: str = "school", query: str = "") -> httpx.Response:
    """Go to a provider, sign in there, and come back."""
    start = f"{service.url}/login/with/{provider}{query}"
    back = walk(browser, start, name, until=f"{service.url}/login/back/")
    return browser.get(back)


def who(browser: httpx.Client) -> str:
    found = re.search("signed in as <strong>(.*?)</strong>", browser.get("/logout").text)
    return found[1] if found else ""


def user_of(service: Any, subject: str, issuer: str) -> Any:
    with opened(service.settings) as db:
        where = (IdentityRow.subject == subject, IdentityRow.issuer == issuer)
        row = db.scalar(select(IdentityRow).where(*where))
        return row.user if row else None


def test_the_page_offers_every_provider(service: Any, browser: httpx.Client) -> None:
    page = browser.get("/login", params={"next": "/account"}).text
    assert re.findall(r'href="/login/with/(\w+)\?next=/account">(.*?)<', page) == [
        (name, f"Sign in with {one.label}") for name, one in service.settings.providers.items()
    ]


def test_it_asks_with_state_nonce_and_a_challenge(service: Any, browser: httpx.Client, canaille: Canaille) -> None:
    answer = browser.get("/login/with/school")
    asked = {key: values[0] for key, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    assert answer.headers["location"].startswith(f"{canaille.issuer}/oauth/authorize?")
    assert asked["redirect_uri"] == f"{service.url}/login/back/school"
    assert asked["code_challenge_method"] == "S256"
    assert min(len(asked["state"]), len(asked["nonce"]), len(asked["code_challenge"])) >= 20


def test_who_comes_for_the_first_time_gets_an_account(service: Any, browser: httpx.Client, canaille: Canaille) -> None:
    answer = come(service, browser, "u4", query="?next=/account")
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert who(browser) == "Grace Hopper"
    user = user_of(service, "u4", canaille.issuer)
    assert (user.name, user.display, user.role, user.password_hash) == ("grace", "Grace Hopper", Role.student, None)
    with opened(service.settings) as db:
        actions = db.scalars(select(AuditRow.action).where(AuditRow.actor_id == user.id).order_by(AuditRow.id)).all()
    assert actions == ["user.sign_up", "user.sign_in"]
    with service.client(Accept="text/html") as later:
        come(service, later, "u4")
        assert who(later) == "Grace Hopper"
    assert user_of(service, "u4", canaille.issuer).id == user.id


def test_a_name_or_an_address_takes_nobody_s_account(service: Any, canaille: Canaille) -> None:
    local = service.user("ada", Role.teacher, passwords.hash_password(PASSWORD))
    found = []
    for subject in ("u1", "u2"):
        with service.client(Accept="text/html") as browser:
            come(service, browser, subject)
            found.append(user_of(service, subject, canaille.issuer))
    assert [user.name for user in found] == ["ada-2", "ada-3"]
    assert [user.role for user in found] == [Role.student] * 2
    canaille.give_address("u2", "u1@school.example")
    with service.client(Accept="text/html") as browser:
        come(service, browser, "u2")
        assert who(browser) == "Ada Byron"
    assert service.whoami(local).json()["role"] == "teacher"


def test_an_address_never_becomes_a_name(service: Any, browser: httpx.Client, canaille: Canaille) -> None:
    come(service, browser, "u6")
    user = user_of(service, "u6", canaille.issuer)
    assert (user.name, user.display) == ("mary-somerville", "Mary Somerville")


def test_a_claim_gives_a_role(service: Any, browser: httpx.Client, canaille: Canaille) -> None:
    come(service, browser, "u3")
    assert user_of(service, "u3", canaille.issuer).role is Role.teacher
    with opened(service.settings) as db:
        store.the_user(db, "tess").active = False
    refused = come(service, browser, "u3")
    assert (refused.status_code, "account is closed" in refused.text) == (403, True)
    assert who(browser) == ""


def test_oauth_without_openid_connect(service: Any, browser: httpx.Client, canaille: Canaille) -> None:
    assert come(service, browser, "u7", "plain").status_code == 303
    user = user_of(service, "7", canaille.issuer)
    assert (user.name, user.display) == ("emmy", "Emmy Noether")
    assert who(browser) == "Emmy Noether"


@pytest.mark.parametrize(
    ("provider", "says"),
    [
        ("known", "Nobody here is linked"),
        ("strict", "not one that may come in"),
        ("domain", "not one that may come in"),
    ],
)
def test_rules_keep_people_out(
    service: Any, browser: httpx.Client, canaille: Canaille, provider: str, says: str
) -> None:
    refused = come(service, browser, "u5", provider)
    assert (refused.status_code, says in refused.text) == (403, True)
    assert who(browser) == ""
    assert user_of(service, "u5", canaille.issuer) is None


# ------------------------------------------------------------------------------------------------ linking
def sign_in(browser: httpx.Client, name: str) -> str:
    """Sign in with a password; return the token of the account page."""
    form = re.search('name="form" value="([^"]+)"', browser.get("/login").text)
    assert form
    answer = browser.post("/login", data={"form": form[1], "name": name, "password": PASSWORD})
    assert answer.status_code == 303
    link = re.search(r'href="/login/with/known\?link=([^"]+)"', browser.get("/account").text)
    return link[1] if link else ""


def test_an_account_is_linked_and_unlinked(service: Any, browser: httpx.Client, canaille: Canaille) -> None:
    service.user("lin", Role.teacher, passwords.hash_password(PASSWORD))
    token = sign_in(browser, "lin")
    assert token
    refused = browser.get("/login/with/known", params={"link": "guessed"})
    assert (refused.status_code, "too old" in refused.text) == (403, True)
    assert come(service, browser, "u5", "known", f"?link={token}").headers["location"] == "/account"
    page = browser.get("/account").text
    assert "You can sign in with" in page
    with service.client(Accept="text/html") as other:
        come(service, other, "u5", "known")
        assert who(other) == "lin"
    identity = re.search('name="identity" value="([^"]+)"', page)
    form = re.search('name="form" value="([^"]+)"', page)
    assert identity
    assert form
    assert browser.post("/account/unlink", data={"identity": identity[1]}).status_code == 403
    assert browser.post("/account/unlink", data={"identity": identity[1], "form": form[1]}).status_code == 303
    assert user_of(service, "u5", canaille.issuer) is None


def test_one_account_there_is_one_account_here(service: Any, browser: httpx.Client) -> None:
    with service.client(Accept="text/html") as other:
        come(service, other, "u4")
    service.user("eve", Role.student, passwords.hash_password(PASSWORD))
    token = sign_in(browser, "eve")
    refused = come(service, browser, "u4", "known", f"?link={token}")
    assert (refused.status_code, "belongs to another account" in refused.text) == (409, True)


def test_the_only_way_in_stays(service: Any, browser: httpx.Client) -> None:
    come(service, browser, "u7", "plain")
    page = browser.get("/account").text
    fields = dict(re.findall('name="(form|identity)" value="([^"]+)"', page))
    refused = browser.post("/account/unlink", data=fields)
    assert (refused.status_code, "your only way to sign in" in refused.text) == (409, True)
