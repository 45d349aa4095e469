"""Where a client finds its token: argument, environment, the person's own file, this machine's operator."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from openbeam.errors import NotSignedIn
from openbeam.home import Home

__all__ = ["TOKEN_FILE", "find_token"]

TOKEN_FILE = Path("~/.config/openbeam/token")

# What may stand behind "Bearer " (RFC 6750), which both kinds of token fit.
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}")


def _candidates(token: str | None) -> Iterator[tuple[str, str | None]]:
    yield "the token argument", token
    yield "OPENBEAM_TOKEN", os.environ.get("OPENBEAM_TOKEN")
    for path in (TOKEN_FILE.expanduser(), Home.from_env().tokens / "operator"):
        yield str(path), _text(path)


def _text(path: Path) -> str | None:
    # Another person's token on a shared machine is not readable, and then it is not for this caller.
    try:
        return path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return None


def find_token(token: str | None = None) -> str | None:
    """Return the first token that is set, or None: the service then says what needs a sign-in.

    Raises
    ------
    NotSignedIn
        When what is set cannot be a token.

    """
    for place, found in _candidates(token):
        text = (found or "").strip()
        if not text:
            continue
        if not _TOKEN.fullmatch(text):
            raise NotSignedIn(f"What is in {place} is not a token. Ask the service's administrator for a new one.")
        return text
    return None
