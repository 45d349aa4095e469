"""Middleware that guards every request: bodies are bounded, answers carry the headers that browsers heed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fastapi import Request
from openbeam.errors import TooLarge
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openbeam_service.faults import answer
from openbeam_service.settings import Settings

__all__ = ["BodyLimit", "SafeHeaders", "body_limit", "pages_policy"]

_FORM_BYTES: Final = 64 * 1024
_UPLOAD: Final = ("POST", "/api/v1/files")


def body_limit(settings: Settings) -> Callable[[Scope], int]:
    """Return the rule that says how large a request's body may be, in bytes."""

    def limit(scope: Scope) -> int:
        if (scope["method"], scope["path"]) == _UPLOAD:
            return settings.max_upload_bytes
        return settings.max_json_bytes if scope["path"].startswith("/api/") else _FORM_BYTES

    return limit


def pages_policy(onward: str) -> str:
    """Return what a page may do: show our style and pictures, and send its forms to us and from there onward."""
    return (
        f"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self' {onward}; "
        "base-uri 'none'; frame-ancestors 'none'"
    )


class BodyLimit:
    """Refuses a body over its limit: at once when its length is declared, else as soon as it is over."""

    def __init__(self, app: ASGIApp, limit: Callable[[Scope], int]) -> None:
        self.app = app
        self.limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting what it sends."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit, seen = self.limit(scope), 0
        too_large = TooLarge(
            f"The request is too large: the limit is {limit:,} bytes. Send less at once, or upload a file.", limit=limit
        )
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > limit:
            await answer(Request(scope), too_large)(scope, receive, send)
            return

        async def counting() -> Message:
            nonlocal seen
            received = await receive()
            seen += len(received.get("body", b""))
            if seen > limit:
                raise too_large
            return received

        await self.app(scope, counting, send)


class SafeHeaders:
    """Adds to every answer what keeps browsers from guessing, framing and leaking; to pages, a strict policy."""

    def __init__(self, app: ASGIApp, portal_url: str) -> None:
        self.app = app
        # Browsers hold a form to its policy over redirects too, and signing in ends at the portal.
        self._policy = pages_policy(portal_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, adding headers to its answer."""

        async def adding(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Referrer-Policy", "same-origin")
                if headers.get("content-type", "").startswith("text/html"):
                    headers.setdefault("Content-Security-Policy", self._policy)
                    headers.setdefault("X-Frame-Options", "DENY")
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self.app(scope, receive, adding)
