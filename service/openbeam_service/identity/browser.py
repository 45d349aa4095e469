"""A browser's session: who is signed in, the token that forms carry, and where to go afterwards."""

from __future__ import annotations

import secrets
import time
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from fastapi import Request
from fastapi.responses import Response
from openbeam.errors import NotAllowed, OpenbeamError
from sqlalchemy.orm import Session

from openbeam_service.identity.models import UserRow
from openbeam_service.identity.oauth.adapter import Received
from openbeam_service.identity.secret import digest
from openbeam_service.pages import page

__all__ = [
    "SESSION_COOKIE",
    "SESSION_SECONDS",
    "check_form",
    "form_page",
    "form_token",
    "onward",
    "safe_next",
    "sign_in",
    "signed_in",
]

SESSION_COOKIE: Final = "openbeam_session"
SESSION_SECONDS: Final = 12 * 3600
_LONGEST_NEXT: Final = 4_000


def _stamp(user: UserRow) -> str:
    # Changes with the password, or a pupil's key: a new one signs every other browser out.
    return digest(user.password_hash or user.key_hash or "")[:16]


def sign_in(request: Request, user: UserRow) -> None:
    """Start a fresh session for a person."""
    request.session.clear()
    request.session.update(user=user.id, stamp=_stamp(user), at=int(time.time()))


def signed_in(request: Request, db: Session) -> tuple[UserRow, datetime] | None:
    """Return who is signed in and since when; None when nobody is, or no longer may be."""
    user = db.get(UserRow, str(request.session.get("user", "")))
    if user is None or not user.active or request.session.get("stamp") != _stamp(user):
        return None
    return user, datetime.fromtimestamp(request.session["at"], UTC)


def form_token(request: Request) -> str:
    """Return the token that this browser's forms carry, against forms of other sites."""
    return str(request.session.setdefault("form", secrets.token_urlsafe(16)))


def form_page(request: Request, name: str, error: OpenbeamError | None = None, /, **values: Any) -> Response:
    """Return the page ``name``, which has a form; after an error it says what was wrong."""
    status, said = (error.status, str(error)) if error else (200, "")
    answer = page(request, name, status, token=form_token(request), error=said, **values)
    if error and "retry_after" in error.details:
        answer.headers["Retry-After"] = str(error.details["retry_after"])
    return answer


def is_form_token(request: Request, token: str) -> bool:
    """Tell whether a token is the one that this browser's forms carry."""
    expected = str(request.session.get("form", ""))
    return expected != "" and secrets.compare_digest(token.encode(), expected.encode())


def check_form(request: Request, received: Received) -> dict[str, str]:
    """Return the fields of a form that came from one of our pages.

    Raises
    ------
    NotAllowed
        When it did not, or when cookies are off.

    """
    fields = dict(received.form)
    if not is_form_token(request, fields.get("form", "")):
        raise NotAllowed("This page is too old, or cookies are off. Reload it and try again.")
    return fields


def safe_next(target: str) -> str | None:
    """Return a path of this very site, or None: no address leads a person elsewhere after sign-in."""
    # Browsers read "\\" as "/" and skip control characters and spaces.
    if not target.startswith("/") or len(target) > _LONGEST_NEXT or "\\" in target or min(target) <= " ":
        return None
    try:
        parts = urlsplit(target)
    except ValueError:
        return None
    return None if parts.scheme or parts.netloc or target.startswith("//") else target


def onward(request: Request, target: str) -> str:
    """Return where the person was going, or the portal."""
    return safe_next(target) or str(request.app.state.settings.portal_url)
