"""Where a client finds its token: argument, environment, sign-in, the person's own file, this machine's operator."""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterator
from pathlib import Path

import httpx

from openbeam.errors import NotSignedIn
from openbeam.home import Home
from openbeam.session import Session

__all__ = ["TOKEN_FILE", "Bearer", "find_token"]

TOKEN_FILE = Path("~/.config/openbeam/token")

# What may stand behind "Bearer " (RFC 6750), which both kinds of token fit.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}")
_REFUSED = 401


def _candidates(token: str | None, session: Session) -> Iterator[tuple[str, str | Session | None]]:
    yield "the token argument", token
    yield "OPENBEAM_TOKEN", os.environ.get("OPENBEAM_TOKEN")
    yield "the sign-in", session if session.is_kept else None
    for path in (TOKEN_FILE.expanduser(), Home.from_env().tokens / "operator"):
        yield str(path), _text(path)


def _text(path: Path) -> str | None:
    # Another person's token on a shared machine is not readable, and then it is not for this caller.
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None


def find_token(token: str | Session | None, url: str) -> str | Session | None:
    """Return the first token that is set, or None: the service then says what needs a sign-in.

    Raises
    ------
    NotSignedIn
        When what is set cannot be a token.

    """
    if isinstance(token, Session):
        return token
    for place, found in _candidates(token, Session(url)):
        if isinstance(found, Session):
            return found
        text = (found or "").strip()
        # Who names a token means that one: an empty one must not become somebody else's.
        if not text and (found is None or found is not token):
            continue
        if not _TOKEN.fullmatch(text):
            raise NotSignedIn(f"What is in {place} is not a token. Ask the service's administrator for a new one.")
        return text
    return None


class Bearer(httpx.Auth):
    """Shows a token with each request; that of a sign-in is renewed before its end, and once when it is refused."""

    def __init__(self, token: str | Session) -> None:
        self._token = token

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Send the request, and once more with another token when that may help."""
        session = self._token if isinstance(self._token, Session) else None
        shown = session.token() if session else str(self._token)
        request.headers["Authorization"] = f"Bearer {shown}"
        response = yield request
        # What is sent piece by piece is gone; the next request has the new token.
        if session and response.status_code == _REFUSED and isinstance(request.stream, httpx.ByteStream):
            request.headers["Authorization"] = f"Bearer {session.renew(shown)}"
            yield request
