"""``openbeam login`` and what it keeps: through a browser, by a code, renewed by many programs at once, ended."""

from __future__ import annotations

import json
import re
import stat
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from oauth_walk import Browser, Native
from openbeam import Client
from openbeam.errors import NotAllowed, NotSignedIn
from openbeam.home import Home
from openbeam.models import Role
from openbeam_service.identity.models import GrantRow
from openbeam_service.provision import opened
from support import nursery


@pytest.fixture
def cli(account: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., nursery.Captured]]:
    """Start ``openbeam`` in that account."""
    with ExitStack() as started:

        def start(*arguments: str, **environment: str) -> nursery.Captured:
            program = nursery.start("openbeam", *arguments, env=account | environment, folder=tmp_path)
            started.callback(program.close)
            return program

        yield start


def _eventually(path: Path) -> str:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return path.read_text()


def _kept(tmp_path: Path) -> Path:
    (path,) = (tmp_path / ".config" / "openbeam" / "sign-ins").glob("*.json")
    return path


def _make_due(path: Path) -> dict[str, Any]:
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "expires_at": 0}))
    return dict(data)


@pytest.fixture
def signed_in_account(cli: Callable[..., nursery.Captured], signed_in: Browser, person: str, tmp_path: Path) -> str:
    """The name of somebody who has run ``openbeam login`` and allowed it in their browser."""
    login = cli("login")
    page = signed_in.http.get(_eventually(tmp_path / "opened"))
    answer = signed_in.http.post(str(page.url), data={"form": signed_in.form_of(page), "decision": "allow"})
    assert answer.headers["location"].startswith("http://127.0.0.1:")
    landed = httpx.get(answer.headers["location"], trust_env=False)
    assert (landed.status_code, "Signed in" in landed.text) == (200, True)
    said, complaints = login.communicate(timeout=60)
    assert (login.returncode, said.split("\t")[:2]) == (0, [person, "student"]), complaints
    (tmp_path / "opened").unlink()
    return person


# ------------------------------------------------------------------------------------------------ signing in
def test_login_whoami_logout(
    cli: Callable[..., nursery.Captured], service: Any, signed_in_account: str, tmp_path: Path
) -> None:
    path = _kept(tmp_path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    tokens = json.loads(path.read_text())
    whoami = cli("whoami")
    assert whoami.communicate(timeout=60)[0].startswith(f"{signed_in_account}\tstudent\t")
    out = cli("logout")
    assert "Signed out." in out.communicate(timeout=60)[1]
    assert not path.exists()
    assert service.whoami(tokens["access_token"]).status_code == 401
    again = cli("logout")
    assert "You were not signed in." in again.communicate(timeout=60)[1]
    refused = cli("whoami")
    assert "Sign in first" in refused.communicate(timeout=60)[1]
    assert refused.returncode == 1


def test_only_the_answer_to_its_own_question_is_taken(
    cli: Callable[..., nursery.Captured], signed_in: Browser, tmp_path: Path
) -> None:
    login = cli("login")
    asked = _eventually(tmp_path / "opened")
    landing = httpx.URL(asked).params["redirect_uri"]
    for query in (
        "",
        "?code=x",
        "?code=x&state=guessed",
        f"?code=x&state={httpx.URL(asked).params['state']}&iss=https://evil.example",
    ):
        assert httpx.get(landing + query, trust_env=False).status_code == 400
    assert httpx.get(landing.replace("/callback", "/favicon.ico"), trust_env=False).status_code == 404
    page = signed_in.http.get(asked)
    denied = signed_in.http.post(str(page.url), data={"form": signed_in.form_of(page), "decision": "deny"})
    assert "Nothing was allowed" in httpx.get(denied.headers["location"], trust_env=False).text
    assert "You denied it" in login.communicate(timeout=60)[1]
    assert login.returncode == 1
    assert not list((tmp_path / ".config").rglob("*.json"))


def test_a_code_is_shown_where_there_is_no_browser(
    start_service: Callable[..., Any], account: dict[str, str], hashed: str, capfd: Any
) -> None:
    service = start_service(OPENBEAM_DEVICE_POLL_SECONDS="1")
    service.user("ada", Role.admin, hashed)
    made: list[Client] = []
    worker = threading.Thread(target=lambda: made.append(Client.login(service.url, device=True, admin=True)))
    worker.start()
    shown, deadline = "", time.monotonic() + 60
    while "code:" not in shown and time.monotonic() < deadline:
        shown += capfd.readouterr().err
        time.sleep(0.02)
    assert f"{service.url}/device?user_code=" in shown
    with service.client(Accept="text/html") as http:
        browser = Browser(http)
        browser.sign_in("ada")
        code = re.search(r"code: (\S+)", shown)
        assert code
        assert "administer all" in browser.type_code(code[1]).text
        browser.type_code(code[1], decision="allow")
    worker.join(60)
    (client,) = made
    with client:
        assert client.whoami().name == "ada"
        assert "admin" in client.whoami().scopes
        # Another program of this account finds the sign-in by itself; another service's is its own.
        with Client(service.url) as other:
            assert other.whoami().name == "ada"
        with Client(account["OPENBEAM_URL"]) as elsewhere, pytest.raises(NotSignedIn):
            elsewhere.whoami()
        assert client.logout()
        with pytest.raises(NotSignedIn, match="openbeam login"):
            client.whoami()


# ------------------------------------------------------------------------------------------------ renewing
def test_many_programs_renew_one_sign_in(
    cli: Callable[..., nursery.Captured], service: Any, signed_in_account: str, tmp_path: Path
) -> None:
    path = _kept(tmp_path)
    for _ in range(2):
        before = _make_due(path)
        programs = [cli("whoami") for _ in range(5)]
        answers = [program.communicate(timeout=120) for program in programs]
        assert [said.partition("\t")[0] for said, _ in answers] == [signed_in_account] * 5, answers
        after = json.loads(path.read_text())
        assert after["refresh_token"] != before["refresh_token"]
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    # They did it once: a second use would have taken the sign-in away.
    assert service.whoami(after["access_token"]).status_code == 200


@pytest.mark.usefixtures("signed_in_account")
def test_a_token_is_renewed_when_it_is_refused(service: Any, tmp_path: Path) -> None:
    path = _kept(tmp_path)
    tokens = json.loads(path.read_text())
    path.write_text(json.dumps({**tokens, "access_token": tokens["access_token"][:-4] + "AAAA"}))
    with Client() as client:
        assert client.whoami().role is Role.student
        renewed = json.loads(path.read_text())
        assert renewed["refresh_token"] != tokens["refresh_token"]
        handle = renewed["refresh_token"].split("_")[1]
        with opened(service.settings) as db:
            db.query(GrantRow).filter_by(handle=handle).delete()
        with pytest.raises(NotSignedIn, match=r"has ended\. Run `openbeam login`"):
            client.whoami()
    assert not path.exists()


@pytest.mark.usefixtures("signed_in_account")
def test_what_is_named_goes_before_what_is_kept(
    service: Any, account: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    named, set_ = service.user("named"), service.user("set")
    Home.from_env().tokens.mkdir(parents=True)
    (Home.from_env().tokens / "operator").write_text(service.token)
    with Client() as kept:
        assert kept.whoami().name.startswith("p")
    monkeypatch.setenv("OPENBEAM_TOKEN", set_)
    with Client() as by_environment, Client(token=named) as by_argument:
        assert by_environment.whoami().name == "set"
        assert by_argument.whoami().name == "named"
    monkeypatch.delenv("OPENBEAM_TOKEN")
    with Client() as client:
        client.logout()
    with Client() as operator:
        assert operator.whoami().name == "operator"
    assert account["OPENBEAM_URL"] == service.url


@pytest.mark.usefixtures("signed_in_account")
def test_signing_in_again_ends_the_sign_in_before(
    cli: Callable[..., nursery.Captured], service: Any, signed_in: Browser, tmp_path: Path
) -> None:
    before = json.loads(_kept(tmp_path).read_text())
    login = cli("login")
    page = signed_in.http.get(_eventually(tmp_path / "opened"))
    answer = signed_in.http.post(str(page.url), data={"form": signed_in.form_of(page), "decision": "allow"})
    httpx.get(answer.headers["location"], trust_env=False)
    login.communicate(timeout=60)
    assert login.returncode == 0
    assert service.whoami(before["access_token"]).status_code == 401
    assert service.whoami(json.loads(_kept(tmp_path).read_text())["access_token"]).status_code == 200


def test_another_name_of_the_service_is_not_trusted(service: Any, account: dict[str, str]) -> None:
    alias = account["OPENBEAM_URL"].replace("127.0.0.1", "localhost")
    with pytest.raises(ValueError, match=f"calls itself {re.escape(service.url)}"):
        Client.login(alias, device=True)


def test_one_may_sign_out_everywhere(
    cli: Callable[..., nursery.Captured], service: Any, signed_in: Browser, signed_in_account: str, tmp_path: Path
) -> None:
    lost = Native(service, signed_in).tokens()
    personal = service.user("bystander")
    with Client(token=personal) as client, pytest.raises(NotAllowed):
        client.logout(everywhere=True)
    assert service.whoami(lost["access_token"]).json()["name"] == signed_in_account
    out = cli("logout", "--everywhere")
    assert "Signed out." in out.communicate(timeout=60)[1]
    assert not list((tmp_path / ".config").rglob("*.json"))
    assert service.whoami(lost["access_token"]).status_code == 401
    assert Native(service, signed_in).refresh(lost["refresh_token"]).json()["error"] == "invalid_grant"
    assert service.whoami(personal).status_code == 200
