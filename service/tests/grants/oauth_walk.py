"""Both halves of a sign-in, walked over HTTP: a browser, and a native program."""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx

PASSWORD = "four words are enough"
SCOPE = "openid profile offline_access catalog:read tasks:run functions:write"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"


def answer_of(response: httpx.Response) -> dict[str, str]:
    """Return the query of the address that a browser is sent to."""
    return {key: values[0] for key, values in parse_qs(urlsplit(response.headers["location"]).query).items()}


class Browser:
    """A browser with its cookies."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http

    @staticmethod
    def form_of(page: httpx.Response) -> str:
        found = re.search('name="form" value="([^"]+)"', page.text)
        assert found, page.text
        return found[1]

    def sign_in(self, name: str, target: str = "") -> httpx.Response:
        form = self.form_of(self.http.get("/login"))
        return self.http.post("/login", data={"form": form, "next": target, "name": name, "password": PASSWORD})

    def type_code(self, code: str, **more: str) -> httpx.Response:
        form = self.form_of(self.http.get("/device"))
        return self.http.post("/device", data={"form": form, "code": code, **more})


class Native:
    """A program that somebody runs: it listens on a port of its machine, or shows a code."""

    def __init__(self, service: Any, browser: Browser) -> None:
        self.service = service
        self.browser = browser
        self.verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()
        self.query = {
            "response_type": "code",
            "client_id": "openbeam",
            "redirect_uri": "http://127.0.0.1:54321/callback",
            "scope": SCOPE,
            "state": "the state",
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }

    def authorize(self, **changes: str | None) -> httpx.Response:
        query = {key: value for key, value in {**self.query, **changes}.items() if value is not None}
        return self.browser.http.get("/oauth/authorize", params=query)

    def decide(self, decision: str, **changes: str | None) -> httpx.Response:
        page = self.authorize(**changes)
        form = self.browser.form_of(page)
        return self.browser.http.post(str(page.url), data={"form": form, "decision": decision})

    def code(self, **changes: str | None) -> str:
        return answer_of(self.decide("allow", **changes))["code"]

    def post(self, path: str, /, **fields: str | None) -> httpx.Response:
        known = {key: value for key, value in {"client_id": "openbeam", **fields}.items() if value is not None}
        return self.service.anyone.post(path, data=known)  # type: ignore[no-any-return]

    def exchange(self, code: str, **changes: str | None) -> httpx.Response:
        fields = {"code": code, "redirect_uri": self.query["redirect_uri"], "code_verifier": self.verifier, **changes}
        return self.post("/oauth/token", **{"grant_type": "authorization_code", **fields})

    def refresh(self, token: str, **changes: str | None) -> httpx.Response:
        return self.post("/oauth/token", **{"grant_type": "refresh_token", "refresh_token": token, **changes})

    def tokens(self, **changes: str | None) -> dict[str, Any]:
        answer = self.exchange(
            self.code(**changes), redirect_uri=changes.get("redirect_uri") or self.query["redirect_uri"]
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def begin_device(self, **fields: str | None) -> dict[str, Any]:
        answer = self.post("/oauth/device_authorization", **{"scope": SCOPE, **fields})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def poll(self, device_code: str, **changes: str | None) -> httpx.Response:
        return self.post("/oauth/token", **{"grant_type": DEVICE, "device_code": device_code, **changes})
