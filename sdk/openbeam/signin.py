"""Signing in from a program: through this machine's browser, or by a code that a person allows in any other."""

from __future__ import annotations

import html
import os
import sys
import time
import webbrowser
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from openbeam.errors import NotSignedIn, ServiceUnavailable
from openbeam.issuer import Issuer, Proof, Refusal, Tokens
from openbeam.places import service_url
from openbeam.session import Session

__all__ = ["Show", "has_browser", "sign_in"]

Show = Callable[[str, str, str], None]
"""Shows a person what to do: a sentence, an address, and the code to compare (or nothing)."""

_NEVER = ("endpoint:agent",)
"""No person has it."""
_PATIENCE = 600.0
_SLOWER_BY = 5.0
_OK, _BAD, _MISSING = 200, 400, 404


def has_browser() -> bool:
    """Tell whether a browser of this machine can be opened before the person's eyes."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in {"darwin", "win32"} or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def sign_in(url: str | None, show: Show, *, device: bool | None = None, admin: bool = False) -> Session:
    """Sign in at a service and keep it. ``device`` None: by a code where no browser can be opened.

    ``admin`` asks for an administrator's powers too.

    Raises
    ------
    NotSignedIn
        When the person denied it, or nobody came.

    """
    issuer = Issuer(service_url(url))
    scopes = issuer.scopes(without=_NEVER if admin else (*_NEVER, "admin"))
    by_code = not has_browser() if device is None else device
    try:
        tokens = _by_code(issuer, scopes, show) if by_code else _by_browser(issuer, scopes, show)
    except Refusal as error:
        raise _refused(error) from error
    session = Session(issuer.url)
    session.keep(tokens)
    return session


def _refused(error: Refusal) -> NotSignedIn:
    words = {
        "access_denied": "You denied it, so this program is not signed in.",
        "expired_token": "Nobody allowed it in time. Begin again.",
    }
    return NotSignedIn(words.get(error.word, f"The sign-in was refused: {error}. Begin again."))


# ------------------------------------------------------------------------------------------------ by a code
def _by_code(issuer: Issuer, scopes: str, show: Show) -> Tokens:
    codes = issuer.begin_device(scopes)
    show("Allow this program in a browser, and compare the code:", codes.verification_uri_complete, codes.user_code)
    interval, end = codes.interval, time.monotonic() + codes.expires_in
    while time.monotonic() < end:
        time.sleep(interval)
        try:
            return issuer.poll(codes.device_code)
        except Refusal as error:
            if error.word not in {"authorization_pending", "slow_down"}:
                raise
            interval += _SLOWER_BY if error.word == "slow_down" else 0.0
        except ServiceUnavailable:
            # A network that comes and goes is no reason to begin again.
            continue
    raise Refusal("expired_token", "")


# ------------------------------------------------------------------------------------------------ by a browser
def _by_browser(issuer: Issuer, scopes: str, show: Show) -> Tokens:
    proof = Proof.fresh()
    with _Landing(proof.state, issuer.url) as landing:
        address = issuer.authorize_url(landing.uri, scopes, proof)
        show("Your browser opens. If it does not, open this address yourself:", address, "")
        webbrowser.open(address)
        answer = landing.wait(_PATIENCE)
    if "code" not in answer:
        raise Refusal(answer.get("error", "expired_token"), answer.get("error_description", ""))
    return issuer.exchange(answer["code"], landing.uri, proof)


class _Landing:
    """A port of this machine, for as long as the browser is away."""

    def __init__(self, state: str, issuer: str) -> None:
        self._expected = {"state": state, "iss": issuer}
        self._server = HTTPServer(("127.0.0.1", 0), _handler_of(self))
        self.answer: dict[str, str] = {}

    @property
    def uri(self) -> str:
        """Where the browser is sent back to."""
        return f"http://127.0.0.1:{self._server.server_port}/callback"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.server_close()

    def take(self, query: str) -> bool:
        """Take the answer to our question; any other page of the person's browser may knock here too."""
        fields = {name: values[0] for name, values in parse_qs(query).items()}
        if any(fields.get(name) != value for name, value in self._expected.items()):
            return False
        self.answer = fields
        return True

    def wait(self, seconds: float) -> dict[str, str]:
        """Return the answer; an empty one when nobody came."""
        end = time.monotonic() + seconds
        while not self.answer and (left := end - time.monotonic()) > 0:
            self._server.timeout = left
            self._server.handle_request()
        return self.answer


def _handler_of(landing: _Landing) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # a connection that says nothing must not keep the answer out

        def do_GET(self) -> None:  # the name that http.server calls
            address = urlsplit(self.path)
            if address.path != "/callback":
                self._say(_MISSING, "There is nothing here.")
            elif not landing.take(address.query):
                self._say(_BAD, "This is not the sign-in that the program began. Begin again there.")
            elif "code" in landing.answer:
                self._say(_OK, "Signed in. You may close this page and go back to your program.")
            else:
                self._say(_OK, "Nothing was allowed. You may close this page.")

        def _say(self, status: int, text: str) -> None:
            page = _PAGE.format(text=html.escape(text)).encode()
            self.send_response(status)
            for name, value in _HEADERS.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(page)))
            self.end_headers()
            self.wfile.write(page)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the terminal is the person's."""

    return Handler


_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>Openbeam</title>
<p style="font: 1.1rem/1.5 system-ui, sans-serif; max-width: 28rem; margin: 20vh auto; padding: 0 1rem">{text}</p>
</html>
"""
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "Connection": "close",
}
