"""A sign-in that is kept: one file for each service, readable by its owner, renewed by one program at a time.

A refresh token works once, and the service takes one that comes twice for stolen. Two notebooks must not use the same,
so who renews holds a lock, and reads the file again before.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout
from pydantic import ValidationError

from openbeam.errors import NotSignedIn, ServiceUnavailable
from openbeam.issuer import Issuer, Refusal, Tokens
from openbeam.whole import replacing

__all__ = ["Session"]

FOLDER = Path("~/.config/openbeam/sign-ins")
_LEEWAY = 60.0
"""Seconds before its end at which an access token is renewed."""
_LONGEST_WAIT = 90.0


class Session:
    """The sign-in at one service that this account of this machine keeps."""

    def __init__(self, url: str) -> None:
        self.url = url
        host = re.sub(r"[^a-z0-9.]+", "-", url.partition("://")[2].lower())
        self.path = FOLDER.expanduser() / f"{host}-{hashlib.sha256(url.encode()).hexdigest()[:8]}.json"
        self._known: Tokens | None = None

    @property
    def is_kept(self) -> bool:
        """True when somebody has signed in here."""
        return self.path.exists()

    def token(self) -> str:
        """Return an access token that is good for a while.

        Raises
        ------
        NotSignedIn
            When the sign-in has ended.

        """
        known = self._known = self._known or self._read()
        return self.renew(known) if known is None or _is_due(known) else known.access_token

    def renew(self, used: Tokens | str | None) -> str:
        """Return another access token than one that is due or was refused."""
        stale = used.access_token if isinstance(used, Tokens) else used
        with self._locked():
            kept = self._read()
            if kept is None:
                self._known = None
                raise NotSignedIn(f"You are signed out of {self.url}. Run `openbeam login`.", url=self.url)
            if kept.access_token == stale or _is_due(kept):
                kept = self._next(kept)
                self._write(kept)
        self._known = kept
        return kept.access_token

    def keep(self, tokens: Tokens) -> None:
        """Keep a new sign-in in place of the one before."""
        with self._locked():
            before = self._read()
            self._write(tokens)
        self._known = tokens
        if before is not None:
            self._revoke(before)

    def end(self) -> bool:
        """Make the tokens worthless and forget them; False when there were none.

        Raises
        ------
        ServiceUnavailable
            When the service cannot be told. The sign-in is kept then, for another try: it still is one.

        """
        with self._locked():
            kept = self._read()
            if kept is not None:
                with suppress(Refusal):  # it has ended already
                    Issuer(self.url).revoke(kept.refresh_token)
            self.path.unlink(missing_ok=True)
        self._known = None
        return kept is not None

    def _next(self, kept: Tokens) -> Tokens:
        try:
            return Issuer(self.url).refresh(kept.refresh_token)
        except Refusal as error:
            if error.word != "invalid_grant":
                raise ServiceUnavailable(f"The sign-in cannot be renewed: {error}. Try again.", url=self.url) from error
            self.path.unlink(missing_ok=True)
            self._known = None
            raise NotSignedIn(f"Your sign-in at {self.url} has ended. Run `openbeam login`.", url=self.url) from error

    def _revoke(self, before: Tokens) -> None:
        # It is not needed any more; when it cannot be revoked now, it expires.
        try:
            Issuer(self.url).revoke(before.refresh_token)
        except (Refusal, ServiceUnavailable):
            return

    def _read(self) -> Tokens | None:
        try:
            return Tokens.model_validate_json(self.path.read_text())
        except (FileNotFoundError, ValidationError):
            return None

    def _write(self, tokens: Tokens) -> None:
        with replacing(self.path) as file:
            file.write(tokens.model_dump_json().encode())

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            with FileLock(self.path.with_suffix(".lock"), timeout=_LONGEST_WAIT, mode=0o600):
                yield
        except Timeout as error:
            message = f"Another program has been renewing the sign-in for {_LONGEST_WAIT:g} s. Try again."
            raise ServiceUnavailable(message, url=self.url) from error


def _is_due(tokens: Tokens) -> bool:
    return time.time() >= tokens.expires_at - _LEEWAY
