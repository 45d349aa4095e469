"""What happens to a request before Streamlit sees it: one address for everybody, and back to where one was."""

from __future__ import annotations

from http.cookies import SimpleCookie
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["OneAddress", "ReturnHere"]

_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_LOGIN: Final = "/auth/login"
_BACK: Final = "/oauth2callback"
_COOKIE: Final = "openbeam_return"
_MINUTES: Final = 10
_LONGEST: Final = 2000


class OneAddress:
    """Sends a browser on ``localhost`` to ``127.0.0.1``, or the other way, as the portal's URL has it.

    The issuer sends people back to that one address, and a cookie set under the other name would not be there.
    """

    def __init__(self, app: ASGIApp, *, portal_url: str) -> None:
        self._app = app
        self._url = portal_url
        self._host = urlsplit(portal_url).hostname or ""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] == "http" and self._is_alias(Headers(scope=scope).get("host", "")):
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            path = quote(scope["path"]).replace("//", "/")
            await RedirectResponse(f"{self._url}{path}{query}", status_code=307)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_alias(self, host: str) -> bool:
        name = urlsplit(f"//{host}").hostname or ""
        return name != self._host and {name, self._host} <= _LOOPBACK


class ReturnHere:
    """Brings people back to the page from which they signed in; Streamlit alone would bring them to the first one.

    A sign-in that cannot even begin, because the service is away, comes back with ``?problem=service``.
    """

    def __init__(self, app: ASGIApp, *, portal_url: str) -> None:
        self._app = app
        self._origin = portal_url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        handlers = {_LOGIN: self._leave, _BACK: self._come_back}
        if scope["type"] != "http" or scope["path"] not in handlers:
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)

        async def passed_on(message: Message) -> None:
            if message["type"] == "http.response.start":
                handlers[scope["path"]](message, headers)
            await send(message)

        await self._app(scope, receive, passed_on)

    def _leave(self, message: Message, headers: Headers) -> None:
        answer = MutableHeaders(raw=message["headers"])
        place = self._own_place(headers.get("referer", ""))
        if message["status"] >= 400:  # noqa: PLR2004 - the class of HTTP errors
            message["status"] = 303
            answer["location"] = "/?problem=service"
        elif place:
            answer.append("set-cookie", _cookie(quote(place, safe=""), 60 * _MINUTES))

    def _come_back(self, message: Message, headers: Headers) -> None:
        answer = MutableHeaders(raw=message["headers"])
        cookies: SimpleCookie = SimpleCookie(headers.get("cookie", ""))
        place = self._own_place(self._origin + unquote(cookies[_COOKIE].value)) if _COOKIE in cookies else ""
        if place:
            answer["location"] = place
            answer.append("set-cookie", _cookie("", 0))

    def _own_place(self, address: str) -> str:
        """Return path and query of an address on this portal, or nothing: nobody is ever sent elsewhere."""
        parts = urlsplit(address)
        if f"{parts.scheme}://{parts.netloc}" != self._origin or not parts.path.startswith("/"):
            return ""
        # A second slash or a backslash would make it another host's address.
        if parts.path.startswith(("//", "/\\")) or parts.path in (_LOGIN, _BACK) or len(address) > _LONGEST:
            return ""
        return parts.path + (f"?{parts.query}" if parts.query else "")


def _cookie(value: str, seconds: int) -> str:
    return f"{_COOKIE}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax"
