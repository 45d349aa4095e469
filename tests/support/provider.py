"""Canaille as a process, and a browser without a screen that walks through its pages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest

from support.ports import free_port

PASSWORD = "correct horse battery"
SECRET = "a secret of two programs"


@dataclass(frozen=True)
class Canaille:
    """A running provider."""

    issuer: str

    def give_address(self, person: str, address: str) -> None:
        """Let somebody's e-mail address become another one."""
        httpx.get(f"{self.issuer}/test/email/{person}/{address}", trust_env=False).raise_for_status()


def person(name: str, shown: str, family: str, **more: Any) -> dict[str, Any]:
    """Return somebody whom the provider knows."""
    return {
        "user_name": name,
        "display_name": shown,
        "given_name": shown.title(),
        "family_name": family,
        "formatted_name": f"{shown.title()} {family}",
        "emails": [f"{name}@school.example"],
        "password": PASSWORD,
        **more,
    }


def _client(name: str, callback: str) -> dict[str, Any]:
    return {
        "client_id": name,
        "client_secret": SECRET,
        "client_name": name,
        "client_uri": callback,
        "redirect_uris": [callback],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "scope": ["openid", "profile", "email"],
        "token_endpoint_auth_method": "client_secret_basic",
    }


@contextmanager
def running_canaille(folder: Path, people: list[dict[str, Any]], callbacks: dict[str, str]) -> Iterator[Canaille]:
    """Start Canaille with these people, and a client for each address to come back to; stop it afterwards."""
    port = free_port()
    clients = [_client(name, address) for name, address in callbacks.items()]
    given = json.dumps({"port": port, "people": people, "clients": clients})
    log = folder / "canaille.log"
    program = Path(__file__).with_name("provider_server.py")
    with log.open("wb") as sink:
        process = subprocess.Popen((sys.executable, program, given), stdout=sink, stderr=sink, cwd=folder)
    try:
        _wait(f"http://127.0.0.1:{port}", process, log)
        yield Canaille(f"http://127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


def _wait(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(httpx.TransportError):
            if httpx.get(f"{url}/.well-known/openid-configuration", trust_env=False).status_code == 200:
                return
        time.sleep(0.1)
    pytest.fail(f"Canaille did not come up:\n{log.read_text()[-3000:]}")


class _Fields(HTMLParser):
    """The fields of a page's forms, as they are filled in."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = dict(attrs)
        if tag == "input" and known.get("name") and known.get("type") != "submit":
            self.fields[str(known["name"])] = known.get("value") or ""


def walk(browser: httpx.Client, start: str, name: str, *, until: str) -> str:
    """Follow a sign-in through the provider's pages as ``name``; return the address that begins with ``until``."""
    url = start
    answer = browser.get(url)
    for _ in range(20):
        if answer.is_redirect:
            url = urljoin(url, answer.headers["location"])
            if url.startswith(until):
                return url
            answer = browser.get(url)
            continue
        fields = _Fields(answer.text).fields
        typed = {"login": name, "password": PASSWORD}
        shown = re.sub(r"<[^>]+>|\s+", " ", answer.text)
        assert typed.keys() & fields.keys(), f"nothing to fill in at {url}: {shown}"
        fields |= {field: typed[field] for field in typed.keys() & fields.keys()}
        answer = browser.post(url, data=fields)
    raise AssertionError(f"going round and round at {url}")
