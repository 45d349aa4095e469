"""The issuer's key, and the one place where an access token is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import ExpiredTokenError, JoseError
from joserfc.jwk import ECKey, KeySet
from openbeam.errors import InvalidInput, NotSignedIn

__all__ = ["ALGORITHM", "AccessClaims", "IssuerKeys", "public_agent_key"]

ALGORITHM: Final = "ES256"
_CURVE: Final = "P-256"
_PRIVATE_PARTS: Final = frozenset({"d", "k", "p", "q", "dp", "dq", "qi", "oth", "priv"})
_LEEWAY: Final = 5
"""Seconds by which the clocks of two copies of the service may differ."""


@dataclass(frozen=True)
class AccessClaims:
    """What the service reads from a verified access token."""

    sub: str
    client_id: str
    scopes: frozenset[str]


class IssuerKeys:
    """The signing key (EC, P-256), and verification pinned to it: ES256, ``at+jwt``, this issuer, this audience."""

    def __init__(self, key: ECKey, issuer: str, audience: str) -> None:
        self.issuer = issuer
        self.audience = audience
        self.key_set = KeySet([key])
        self._registry = jwt.JWTClaimsRegistry(
            leeway=_LEEWAY,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            client_id={"essential": True},
        )

    @classmethod
    def from_text(cls, jwk: str, issuer: str, audience: str) -> IssuerKeys:
        """Read the private key that ``init`` made."""
        return cls(ECKey.import_key(json.loads(jwk)), issuer, audience)

    @staticmethod
    def generate() -> str:
        """Return a fresh private key as the text of a JWK."""
        key = ECKey.generate_key(_CURVE, {"use": "sig", "alg": ALGORITHM}, private=True, auto_kid=True)
        return json.dumps(key.as_dict(private=True))

    @property
    def kid(self) -> str:
        """Id of the signing key."""
        return str(self.key_set.keys[0].kid)

    def public(self) -> dict[str, Any]:
        """Return the public key set, as ``/oauth/jwks`` shows it."""
        return dict(self.key_set.as_dict(private=False))

    def verify_access_token(self, token: str) -> AccessClaims:
        """Return what a valid access token says.

        Raises
        ------
        NotSignedIn
            For any other token: malformed, expired, of another issuer or audience, or not an access token.

        """
        try:
            decoded = jwt.decode(token, self.key_set, algorithms=[ALGORITHM])
            self._registry.validate(decoded.claims)
        except ExpiredTokenError as error:
            raise NotSignedIn("Your sign-in has expired. Sign in again.", reason="invalid_token") from error
        except (JoseError, ValueError) as error:
            raise NotSignedIn("This token is not valid here. Sign in again.", reason="invalid_token") from error
        claims = decoded.claims
        texts = (claims["sub"], claims["client_id"], claims.get("scope", ""))
        if str(decoded.header.get("typ")).lower() != "at+jwt" or not all(isinstance(text, str) for text in texts):
            raise NotSignedIn("This is not an access token. Sign in again.", reason="invalid_token")
        return AccessClaims(texts[0], texts[1], frozenset(texts[2].split()))


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
