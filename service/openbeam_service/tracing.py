"""Every request has an id, in its log lines and its answer, and is counted."""

from __future__ import annotations

import re
import secrets
import time
from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openbeam_service.metrics.counts import REQUEST_SECONDS, REQUESTS

__all__ = ["Traced", "route_of"]

HEADER: Final = "X-Request-ID"
_GIVEN: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")
_API: Final = "/api/v1"
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def route_of(scope: Scope) -> str:
    """Return the route of a request as it is written in the code: a path may hold secrets and has no end of values."""
    template = getattr(scope.get("route"), "path", None)
    if template is None:
        return "none"
    inside = scope["path"].startswith(f"{_API}/") and not template.startswith(_API)
    return f"{_API}{template}" if inside else str(template)


class Traced:
    """Gives each request its id, one that a proxy sent or a new one, and measures until its answer starts."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _GIVEN.fullmatch(given) else secrets.token_hex(8)
        started = time.perf_counter()

        async def noting(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
                route = route_of(scope)
                method = scope["method"] if scope["method"] in _METHODS else "other"
                REQUESTS.labels(method, route, message["status"]).inc()
                REQUEST_SECONDS.labels(route).observe(time.perf_counter() - started)
            await send(message)

        with structlog.contextvars.bound_contextvars(request=request_id):
            await self.app(scope, receive, noting)
