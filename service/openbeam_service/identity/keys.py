"""The issuer's keys, and the one place where an access token is checked.

One key signs. Those before it are kept, without their private parts, until the last token that they signed has expired.
The files are looked at again at each use, so that a running service takes a new key up by itself.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, Key, KeySet
from openbeam.errors import InvalidInput, NotSignedIn

from openbeam_service.vault import write_secret

__all__ = ["ALGORITHM", "AccessClaims", "IssuerKeys", "public_agent_key", "retired_keys", "rotate"]

ALGORITHM: Final = "ES256"
_CURVE: Final = "P-256"
_PRIVATE_PARTS: Final = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"})
_LEEWAY: Final = 5
"""Seconds by which the clocks of two copies of the service may differ."""
_REMEMBERED: Final = 1_024
"""Tokens whose signature was good. All else about them is looked at each time."""


@dataclass(frozen=True)
class AccessClaims:
    """What the service reads from a verified access token."""

    sub: str
    client_id: str
    scopes: frozenset[str]
    sid: str | None
    """The grant of a person's token; an agent's has none."""


@dataclass(frozen=True)
class _Ring:
    """The keys as they are on disk."""

    stamp: tuple[tuple[int, int] | None, ...]
    """By which a change of the files is seen."""
    until: float
    """When the first of the retired keys has had its time."""
    signing: KeySet
    known: KeySet
    decode: Callable[[str], jwt.Token]
    """Checks a token's signature, which is most of the work of a short request: once a token, and again with new keys.
    """


class IssuerKeys:
    """The signing key (EC, P-256), and verification pinned to ES256, ``at+jwt``, this issuer, this audience."""

    def __init__(self, signing: Path, retired: Path, issuer: str, audience: str) -> None:
        self.issuer = issuer
        self.audience = audience
        self._files = (signing, retired)
        self._ring = self._read()
        self._registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            client_id={"essential": True},
        )

    def _stamp(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(_stamp(path) for path in self._files)

    def _read(self) -> _Ring:
        # The stamp comes first: a change during the reading is seen the next time.
        stamp, (signing, retired) = self._stamp(), self._files
        key = ECKey.import_key(json.loads(signing.read_text()))
        older = retired_keys(retired)
        known: list[Key] = [key, *(ECKey.import_key(one["key"]) for one in older if one["key"]["kid"] != key.kid)]
        until = min((one["until"] for one in older), default=math.inf)
        decode = lru_cache(_REMEMBERED)(partial(jwt.decode, key=KeySet(known), algorithms=[ALGORITHM]))
        return _Ring(stamp, until, KeySet([key]), KeySet(known), decode)

    def _current(self) -> _Ring:
        if self._stamp() != self._ring.stamp or time.time() >= self._ring.until:
            self._ring = self._read()
        return self._ring

    @property
    def signing(self) -> KeySet:
        """The one key that signs."""
        return self._current().signing

    @property
    def known(self) -> KeySet:
        """All keys by which a token may be signed."""
        return self._current().known

    @staticmethod
    def generate() -> str:
        """Return a fresh private key as the text of a JWK."""
        key = ECKey.generate_key(_CURVE, {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True)
        return json.dumps(key.as_dict(private=True))

    @property
    def kid(self) -> str:
        """Id of the signing key."""
        return str(self.signing.keys[0].kid)

    def public(self) -> dict[str, Any]:
        """Return the public key set, as ``/oauth/jwks`` shows it."""
        return dict(self.known.as_dict(private=False))

    def verify_access_token(self, token: str) -> AccessClaims:
        """Return what a valid access token says.

        Raises
        ------
        NotSignedIn
            For any other token: malformed, expired, of another issuer or audience, or not an access token.

        """
        try:
            decoded = self._current().decode(token)
            self._registry.validate(decoded.claims)
        except ExpiredTokenError as error:
            raise NotSignedIn("Your sign-in has expired. Sign in again.", reason="invalid_token") from error
        except (JoseError, ValueError) as error:
            raise NotSignedIn("This token is not valid here. Sign in again.", reason="invalid_token") from error
        claims = decoded.claims
        texts = (claims["sub"], claims["client_id"], claims.get("scope", ""), claims.get("sid", ""))
        if str(decoded.header.get("typ")).lower() != "at+jwt" or not all(isinstance(text, str) for text in texts):
            raise NotSignedIn("This is not an access token. Sign in again.", reason="invalid_token")
        return AccessClaims(texts[0], texts[1], frozenset(texts[2].split()), texts[3] or None)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino


def retired_keys(path: Path) -> list[dict[str, Any]]:
    """Return the retired keys whose time has not come: ``{"key": <public JWK>, "until": <seconds since 1970>}``."""
    listed = json.loads(path.read_text()) if path.exists() else []
    return [one for one in listed if one["until"] > time.time()]


def rotate(signing: Path, retired: Path, seconds: float) -> str:
    """Sign with a new key from now on, and know the one before for some seconds more. Return the new key's id."""
    before = ECKey.import_key(json.loads(signing.read_text()))
    known = retired_keys(retired) if seconds else []
    if seconds:
        known.append({"key": before.as_dict(private=False), "until": time.time() + seconds})
    # In this order there is no moment when a key is not known that has signed something.
    write_secret(retired, json.dumps(known))
    fresh = IssuerKeys.generate()
    write_secret(signing, fresh)
    return str(json.loads(fresh)["kid"])


def public_agent_key(jwk: Mapping[str, Any]) -> dict[str, str]:
    """Return the public part of an agent's key, reduced to what matters (``kty``, ``crv``, ``x``, ``y``).

    Raises
    ------
    InvalidInput
        When it is not a public EC key on P-256.

    """
    if _PRIVATE_PARTS.intersection(jwk):
        raise InvalidInput(
            "The key contains its private part. Keep that on your machine, make a new key, and send the public part.",
            field="key",
        )
    try:
        key = ECKey.import_key(dict(jwk)) if jwk.get("kty") == "EC" and jwk.get("crv") == _CURVE else None
        public = key.as_dict(private=False) if key else None
    except (JoseError, ValueError, KeyError, TypeError):
        public = None
    if public is None:
        raise InvalidInput("The key must be a public JWK: kty EC, crv P-256, x and y.", field="key")
    return {part: str(public[part]) for part in ("kty", "crv", "x", "y")}
