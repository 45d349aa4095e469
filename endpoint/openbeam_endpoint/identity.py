"""Who an endpoint is to the service: a private key of its own, an id, and access tokens made with them.

The key never leaves the machine; the service knows its public half. A token is asked for with an assertion that the
key signs (RFC 7523, ``private_key_jwt``) and is kept in memory until shortly before it ends.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final, TypeVar, cast

import httpx
from authlib.oauth2.rfc7523 import private_key_jwt_sign
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from openbeam.errors import InvalidInput, NotSignedIn, ServiceFault, ServiceUnavailable
from openbeam.models import Model
from openbeam.places import trust
from pydantic import BaseModel, ValidationError

__all__ = ["Identity", "Tokens", "load_key", "make_key", "public_jwk"]

_ASSERTION: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_ASSERTION_SECONDS: Final = 60
_LEEWAY: Final = 60.0
_MOST_SKEW: Final = 30.0
"""Seconds by which two clocks may differ without anybody being told."""
_SECOND_TRY: Final = 1.5
"""Seconds until a refusal is made sure of: the service's clock may jump between two of its answers."""
_SCOPE: Final = "endpoint:agent"
_SECONDS: Final = 10.0
_REFUSALS: Final = {httpx.codes.BAD_REQUEST, httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}

B = TypeVar("B", bound=BaseModel)


class _About(BaseModel):
    token_endpoint: str


class _Token(BaseModel):
    access_token: str
    expires_in: float = 300.0


class Identity(Model):
    """What the service answered when the endpoint was registered (``identity.json``)."""

    endpoint_id: str
    url: str
    owner: str
    owner_id: str

    @classmethod
    def load(cls, path: Path) -> Identity:
        """Read ``identity.json``; raises InvalidInput when it is damaged."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            raise InvalidInput(f"{path} cannot be read. Configure the endpoint again.", path=str(path)) from None

    def save(self, path: Path) -> None:
        """Write ``identity.json``."""
        path.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")


def make_key(path: Path) -> ECKey:
    """Make a new EC P-256 key and keep it at ``path``, readable by its owner only."""
    key = ECKey.generate_key("P-256", auto_kid=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(key.as_dict(private=True), file)
    return key


def load_key(path: Path) -> ECKey:
    """Return the key kept at ``path``; raises InvalidInput when it is damaged."""
    try:
        return ECKey.import_key(json.loads(path.read_bytes()))
    except (OSError, ValueError, JoseError):
        raise InvalidInput(
            f"{path} cannot be read. Remove it and configure the endpoint again.", path=str(path)
        ) from None


def public_jwk(key: ECKey) -> dict[str, str]:
    """Return the public half of a key as a JWK, for the service."""
    return cast("dict[str, str]", key.as_dict(private=False))


def _ignore(_seconds: float) -> None:
    pass


class Tokens:
    """The agent's access token. May be used from every thread.

    The service judges by its own clock, so assertions go by that one: an agent whose machine's clock is wrong, or
    jumps, signs in all the same. ``tell_skew`` gets the seconds by which it is fast, when it is far off.
    """

    def __init__(
        self,
        url: str,
        endpoint_id: str,
        key: ECKey,
        scope: str = _SCOPE,
        tell_skew: Callable[[float], None] = _ignore,
    ) -> None:
        self._scope = scope
        self._tell_skew = tell_skew
        self._url = url.rstrip("/")
        self._endpoint_id = endpoint_id
        self._key = key
        self._lock = threading.Lock()
        self._token = ""
        self._good_until = 0.0

    @property
    def fresh(self) -> bool:
        """True when ``get`` would answer without asking the service."""
        return time.monotonic() < self._good_until

    def get(self) -> str:
        """Return a token that is good for the next minute, asking the service for one when needed.

        Raises
        ------
        NotSignedIn
            When the service does not know this endpoint or its key (any more).
        ServiceUnavailable, ServiceFault
            When it cannot be reached, or does not answer as an Openbeam service does.

        """
        with self._lock:
            if not self.fresh:
                self._ask()
            return self._token

    def drop(self, token: str) -> None:
        """Forget a token that the service refused."""
        with self._lock:
            if token == self._token:
                self._good_until = 0.0

    def _ask(self) -> None:
        asked = time.monotonic()
        try:
            answer = self._answer()
            if answer.status_code in _REFUSALS:
                time.sleep(_SECOND_TRY)
                answer = self._answer()
        except httpx.HTTPError as error:
            raise ServiceUnavailable(f"The service at {self._url} cannot be reached.", url=self._url) from error
        if answer.status_code in _REFUSALS:
            raise NotSignedIn(
                f"The service at {self._url} does not accept this endpoint (any more). Configure it again.",
                endpoint=self._endpoint_id,
                status=answer.status_code,
            )
        token = _read(answer, _Token)
        self._token = token.access_token
        self._good_until = asked + max(token.expires_in - _LEEWAY, token.expires_in / 2)

    def _answer(self) -> httpx.Response:
        with httpx.Client(base_url=self._url, timeout=_SECONDS, **trust(self._url)) as http:
            found = http.get("/.well-known/openid-configuration")
            about = _read(found, _About)
            form = {
                "grant_type": "client_credentials",
                "scope": self._scope,
                "client_assertion_type": _ASSERTION,
                "client_assertion": self._assertion(about.token_endpoint, self._moment(found)),
            }
            return http.post("/oauth/token", data=form)

    def _moment(self, answer: httpx.Response) -> int:
        """Return the time by the service's clock; by this machine's when the service does not say."""
        here = time.time()
        try:
            there = parsedate_to_datetime(answer.headers["Date"]).timestamp()
        except (KeyError, ValueError, OverflowError):
            return int(here)
        if abs(here - there) > _MOST_SKEW:
            self._tell_skew(here - there)
        return int(there)

    def _assertion(self, audience: str, moment: int) -> str:
        header = {"kid": self._key.kid}
        life = {"issued_at": moment, "expires_in": _ASSERTION_SECONDS}
        return str(private_key_jwt_sign(self._key, self._endpoint_id, audience, alg="ES256", header=header, **life))


def _read(answer: httpx.Response, shape: type[B]) -> B:
    try:
        return shape.model_validate_json(answer.raise_for_status().content)
    except (httpx.HTTPStatusError, ValidationError):
        url = str(answer.request.url)
        message = f"{url} did not answer as an Openbeam service does (status {answer.status_code})."
        raise ServiceFault(message, url=url, status=answer.status_code) from None
