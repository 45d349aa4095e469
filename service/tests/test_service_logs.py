"""Logs: an object a line or text, with the request's id, and never a secret."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from openbeam.models import Role
from openbeam_service import log
from openbeam_service.identity import passwords
from openbeam_service.redaction import redact

pytestmark = pytest.mark.one_database


def _lines(service: Any) -> list[dict[str, Any]]:
    text = (service.home.root / "log" / "service").read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def _form(page: httpx.Response) -> str:
    return re.findall('name="form" value="([^"]+)"', page.text)[0]


def test_a_line_has_the_id_of_its_request(service: Any) -> None:
    name, request_id = f"lab-{secrets.token_hex(4)}", f"from-proxy-{secrets.token_hex(4)}"
    with service.client(Accept="text/html") as browser:
        fields = {"form": _form(browser.get("/login")), "next": "", "name": name, "password": "wrong"}
        browser.post("/login", data=fields, headers={"X-Request-ID": request_id})
    (line,) = [line for line in _lines(service) if line.get("user") == name]
    assert line["request"] == request_id
    assert line["event"] == "sign-in failed"
    assert line.keys() >= {"timestamp", "level", "logger"}


def test_no_secret_reaches_the_log(start_service: Callable[..., Any]) -> None:
    service = start_service(OPENBEAM_LOG_LEVEL="debug")
    password, typed, metrics = (secrets.token_urlsafe(16) for _ in range(3))
    token = service.user("ada", Role.teacher, passwords.hash_password(password))
    with service.client(Accept="text/html") as browser:
        for tried in (typed, password):
            form = _form(browser.get("/login"))
            browser.post("/login", data={"form": form, "next": "", "name": "ada", "password": tried})
        browser.get(f"/oauth/authorize?client_id=portal&state={typed}&code={password}")
        link = (service.home.root / "setup-link").read_text().strip()
        browser.get(link)
        browser.post(
            link, data={"form": _form(browser.get(link)), "name": "ada", "password": password, "again": password}
        )
    for wrong in (token + "x", f"Bearer.{metrics}"):
        service.whoami(wrong)
    service.anyone.post(
        "/oauth/token", data={"grant_type": "authorization_code", "code": typed}, auth=("portal", password)
    )
    assert service.whoami(token).status_code == 200
    service.queue.kill()
    service.queue.wait()
    assert service.anyone.get(f"/api/v1/health?token={token}").status_code == 503
    keys = [path.read_text().strip() for path in (service.home.root / "keys").glob("*.secret")]
    text = (service.home.root / "log" / "service").read_text()
    assert "sign-in failed" in text
    known = {password, typed, metrics, token, token.rpartition("_")[2], link.rpartition("/")[2], *keys}
    assert [secret for secret in known if secret in text] == []


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        ({"token": "abcdef"}, "abcdef"),
        ({"event": "asked with obp_0123abcd_S3cret-Value_x"}, "S3cret"),
        ({"exception": [{"frames": [{"line": "Authorization: Bearer abc.def-ghi"}]}]}, "abc.def"),
        ({"problem": "postgresql+psycopg://me:hunter2@db/openbeam is away"}, "hunter2"),
        ({"path": "/setup/abcdef123"}, "abcdef123"),
        ({"url": "http://h/oauth2callback?state=1&code=abcdef123&x=1"}, "abcdef123"),
        ({"said": ("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ4In0.c2ln",)}, "c2ln"),
    ],
)
def test_what_looks_like_a_secret_is_blotted_out(line: dict[str, Any], secret: str) -> None:
    cleaned = json.dumps(redact(None, "info", line), ensure_ascii=False)
    assert secret not in cleaned
    assert "…" in cleaned


def test_what_is_no_secret_stays() -> None:
    line = {"event": "run ended", "run": "4a7c", "seconds": 0.5, "url": "http://127.0.0.1:8600", "tasks": ["a", "b"]}
    assert redact(None, "info", dict(line)) == line


def test_text_is_for_people(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import logging

    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    log.set_up("warning", "text")
    logging.getLogger("openbeam.test").info("not so important")
    logging.getLogger("openbeam.test").warning("look at %s", "obp_12_34567")
    said = capsys.readouterr().err
    assert "look at obp_…" in said
    assert "not so important" not in said
    assert not said.startswith("{")
