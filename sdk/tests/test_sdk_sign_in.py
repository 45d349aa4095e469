"""Signing in from Python: what a notebook shows, what is kept when the service is away, when a browser is there."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from openbeam.errors import InvalidInput, NotSignedIn, ServiceFault, ServiceUnavailable
from openbeam.issuer import Issuer, Refusal, Tokens
from openbeam.notebook import show
from openbeam.session import Session
from openbeam.signin import has_browser

NOTEBOOK = """
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from openbeam import notebook

assert not notebook.is_notebook()
shell = InteractiveShell.instance()
assert not notebook.is_notebook()
shell.kernel = object()  # what a kernel gives its shell
assert notebook.is_notebook()
with capture_output() as seen:
    notebook.show("Allow it:", "https://beam.example.org/device?user_code=A&x=<", "AB<CD")
print(seen.outputs[0].data["text/html"])
"""


@pytest.fixture
def session(wire: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Session:
    monkeypatch.setenv("HOME", str(tmp_path))
    endpoints = {name: f"{wire.url}/oauth/{name}" for name in ("token_endpoint", "revocation_endpoint")}
    wire.on("GET /.well-known/openid-configuration", wire.reply({"issuer": wire.url, **endpoints}))
    wire.on("POST /oauth/revocation_endpoint", wire.reply({}))
    kept = Session(wire.url)
    kept.keep(Tokens(access_token="first", refresh_token="obr_1", expires_at=0))
    return kept


def test_a_notebook_shows_a_link() -> None:
    ran = subprocess.run([sys.executable, "-c", NOTEBOOK], capture_output=True, text=True, check=True)
    assert 'href="https://beam.example.org/device?user_code=A&amp;x=&lt;"' in ran.stdout
    assert "AB&lt;CD" in ran.stdout


def test_elsewhere_it_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    show("Allow it:", "https://beam.example.org/device", "ABCD")
    assert capsys.readouterr().err.splitlines() == ["Allow it:", "  https://beam.example.org/device", "  code: ABCD"]


@pytest.mark.parametrize(
    ("environment", "there"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "w"}, True),
        ({"DISPLAY": ":0", "SSH_CONNECTION": "x"}, False),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there always is one")
def test_a_browser_needs_a_screen(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], there: bool) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert has_browser() is there


def test_a_sign_in_is_kept_while_the_service_is_away(wire: Any, session: Session) -> None:
    wire.on("POST /oauth/token_endpoint", wire.hang_up)
    wire.on("POST /oauth/revocation_endpoint", wire.hang_up)
    for ask in (session.token, session.end):
        with pytest.raises(ServiceUnavailable):
            ask()
    assert json.loads(session.path.read_text())["refresh_token"] == "obr_1"
    wire.on("POST /oauth/token_endpoint", wire.reply({"error": "temporarily_unavailable"}, 400))
    with pytest.raises(ServiceUnavailable):
        session.token()
    assert session.is_kept
    wire.on("POST /oauth/token_endpoint", wire.reply({"error": "invalid_grant"}, 400))
    with pytest.raises(NotSignedIn, match="openbeam login"):
        session.token()
    assert not session.is_kept


@pytest.mark.parametrize(
    "answer",
    [{}, {"access_token": "a"}, {"access_token": "a", "refresh_token": "r", "expires_in": "soon"}, [], b"<html>"],
)
def test_what_is_no_token_is_said_and_nothing_is_lost(wire: Any, session: Session, answer: Any) -> None:
    wire.on("POST /oauth/token_endpoint", wire.reply(answer))
    with pytest.raises(ServiceFault, match="no sign-in of Openbeam"):
        session.token()
    assert session.is_kept


def test_a_file_that_was_spoilt_is_no_sign_in(wire: Any, session: Session) -> None:
    session.path.write_text("{")
    with pytest.raises(NotSignedIn):
        Session(wire.url).token()
    assert not Session(wire.url).end()


def test_addresses_of_another_site_get_no_secret(wire: Any) -> None:
    elsewhere = {"issuer": wire.url, "token_endpoint": "https://evil.example/token"}
    wire.on("GET /.well-known/openid-configuration", wire.reply(elsewhere))
    with pytest.raises(ServiceFault, match=r"evil\.example"):
        Issuer(wire.url).refresh("obr_secret")
    wire.on("GET /.well-known/openid-configuration", wire.reply({**elsewhere, "issuer": "https://evil.example"}))
    with pytest.raises(InvalidInput, match="calls itself"):
        Issuer(wire.url).refresh("obr_secret")
    assert all(b"obr_secret" not in seen.body for seen in wire.seen)


def test_a_refusal_has_the_issuer_s_word(wire: Any, session: Session) -> None:
    wire.on("POST /oauth/token_endpoint", wire.reply({"error": "slow_down", "error_description": "Wait."}, 400))
    with pytest.raises(Refusal, match="Wait") as refused:
        Issuer(session.url).poll("code")
    assert refused.value.word == "slow_down"
