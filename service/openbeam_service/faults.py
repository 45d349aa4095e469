"""Every error leaves the service in one form: ``{"error": {"kind", "message", "details"}}``, or a plain page.

What is foreseen is an ``OpenbeamError``. Anything else becomes a ``ServiceFault`` with a short reference: the person
gets the reference, the log gets the reference and the traceback.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, Final

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from fastapi.routing import iter_route_contexts
from openbeam.errors import (
    Conflict,
    InvalidInput,
    NotAllowed,
    NotKnown,
    NotSignedIn,
    OpenbeamError,
    Refused,
    ServiceFault,
    ServiceUnavailable,
    TooLarge,
    TooMany,
    to_json,
)
from pydantic import BaseModel
from sqlalchemy.exc import DataError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.orm.exc import StaleDataError
from starlette.exceptions import HTTPException
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from openbeam_service.pages import message
from openbeam_service.tracing import route_of

__all__ = ["CatchAll", "Problem", "answer", "register"]

_log = structlog.get_logger("openbeam.faults")
_TITLES: Final = {403: "Not allowed", 404: "There is no such page", 429: "Please wait", 500: "Something went wrong"}
_MOST_FIELDS: Final = 5
_NO_ROOM: Final = re.compile("disk is full|No space left")
"""What SQLite and PostgreSQL say."""
_FULL: Final = "The service's disk is full. Its administrator has to make room; what runs goes on afterwards."
_SILENT: Final = "The database does not answer. Try again in a moment."


class ProblemBody(BaseModel):
    """An error of the tree in ``openbeam.errors``."""

    kind: str
    message: str
    """Plain, and says what to do next."""
    details: dict[str, Any]


class Problem(BaseModel):
    """The body of every answer that is an error."""

    error: ProblemBody


def _headers(error: OpenbeamError) -> dict[str, str]:
    """Return what HTTP wants to be said of an error besides its body."""
    details = error.details
    if isinstance(error, NotSignedIn):
        reason = ', error="invalid_token"' if details.get("reason") == "invalid_token" else ""
        return {"WWW-Authenticate": f'Bearer realm="openbeam"{reason}'}
    if isinstance(error, NotAllowed) and "scope" in details:
        scope = " ".join(details["scope"])
        return {"WWW-Authenticate": f'Bearer realm="openbeam", error="insufficient_scope", scope="{scope}"'}
    if isinstance(error, TooMany) and "retry_after" in details:
        return {"Retry-After": str(details["retry_after"])}
    return {}


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "") and not request.url.path.startswith("/api/")


def answer(request: Request, error: OpenbeamError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the answer for an error: a page for a person's browser, JSON for everybody else."""
    if _wants_page(request):
        return message(request, _TITLES.get(error.status, "That did not work"), str(error), error.status)
    return JSONResponse({"error": to_json(error)}, error.status, {**_headers(error), **(headers or {})})


def _field(place: tuple[Any, ...]) -> str:
    """Return the name of a field, without the part of the request that it is in."""
    return ".".join(str(part) for part in place[1:]) or str(place[0])


def _known(request: Request, error: Exception) -> Response:
    if not isinstance(error, OpenbeamError):
        raise TypeError(type(error))
    return answer(request, error)


def _invalid(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise TypeError(type(error))
    wrong = [(_field(one["loc"]), str(one["msg"])) for one in error.errors()[:_MOST_FIELDS]]
    said = "; ".join(f"{field}: {reason}" for field, reason in wrong)
    fields = [{"field": field, "reason": reason} for field, reason in wrong]
    return answer(request, InvalidInput(f"The request is not valid. {said}.", field=wrong[0][0], fields=fields))


def _http(request: Request, error: Exception) -> Response:
    """Give the framework's own refusals our form."""
    if not isinstance(error, HTTPException):
        raise TypeError(type(error))
    if isinstance(error.__cause__, OpenbeamError):
        return answer(request, error.__cause__)
    kinds: dict[int, OpenbeamError] = {
        404: NotKnown(f"There is nothing at {request.url.path}.", path=request.url.path),
        405: Refused(f"{request.method} is not possible here.", method=request.method),
        413: TooLarge("The request is too large."),
    }
    known = kinds.get(error.status_code, Refused(str(error.detail)))
    response = answer(request, known, error.headers)
    response.status_code = error.status_code
    if "allow" in response.headers:
        response.headers["Allow"] = _allowed(request)
    return response


def _allowed(request: Request) -> str:
    """Return the methods of an address; the framework names those of the first route that has it alone."""
    here = [one for one in iter_route_contexts(request.app.routes) if one.matches(request.scope)[0] is Match.PARTIAL]
    return ", ".join(sorted({method for one in here for method in one.methods or ()}))


def _meanwhile(request: Request, error: Exception) -> Response:
    _log.warning("conflict in the database", route=route_of(request.scope), problem=str(error.__cause__))
    return answer(request, Conflict("Somebody changed the same thing at the same moment. Try again."))


def _unstorable(request: Request, error: Exception) -> Response:
    _log.info("value refused by the database", route=route_of(request.scope), problem=str(error.__cause__))
    return answer(request, InvalidInput("The request has a value that cannot be stored, such as a zero byte."))


def _away(request: Request, error: Exception) -> Response:
    """Answer for a database that is away, restarting, out of room or connections, or that ended a transaction."""
    problem = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
    _log.warning("the database does not answer", route=route_of(request.scope), problem=problem)
    return answer(request, ServiceUnavailable(_FULL if _NO_ROOM.search(problem) else _SILENT))


def register(app: FastAPI) -> None:
    """Install the handlers."""
    app.add_exception_handler(OpenbeamError, _known)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(IntegrityError, _meanwhile)
    app.add_exception_handler(StaleDataError, _meanwhile)
    app.add_exception_handler(DataError, _unstorable)
    app.add_exception_handler(OperationalError, _away)
    app.add_exception_handler(NoConnection, _away)


class CatchAll:
    """Middleware: what nobody foresaw becomes a ``ServiceFault``."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and answer for what comes back as an exception."""
        started = False

        async def noting(sent: Message) -> None:
            nonlocal started
            started = True
            await send(sent)

        try:
            await self.app(scope, receive, noting)
        except Exception:
            if scope["type"] != "http":
                raise
            reference = secrets.token_hex(4)
            _log.exception("fault", reference=reference, method=scope["method"], route=route_of(scope))
            if started:
                raise  # the server must break the connection: a half answer may not look like a whole one
            said = f"The service failed. Its administrator finds the reason in the log under {reference}."
            fault = ServiceFault(said, reference=reference)
            await answer(Request(scope), fault)(scope, receive, send)
