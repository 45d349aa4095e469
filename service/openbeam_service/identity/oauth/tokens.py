# mypy: disallow-subclassing-any=False
# Authlib has no types.
"""Access tokens (RFC 9068) for one audience, the REST API, and the refresh tokens beside them."""

from __future__ import annotations

from typing import Any

from authlib.oauth2.rfc9068 import JWTBearerTokenGenerator
from joserfc.jwk import KeySet

from openbeam_service.identity.grants import Granted
from openbeam_service.identity.keys import ALGORITHM, IssuerKeys
from openbeam_service.identity.oauth.adapter import Client, Person
from openbeam_service.settings import Settings

__all__ = ["AccessTokens"]


class AccessTokens(JWTBearerTokenGenerator):
    """Makes the tokens of one answer: an agent's, or those of what a person has granted."""

    def __init__(self, settings: Settings, keys: IssuerKeys, granted: Granted | None) -> None:
        super().__init__(
            settings.url,
            alg=ALGORITHM,
            refresh_token_generator=self._refresh_token if granted and granted.refresh_token else None,
            expires_generator=lambda _client, _grant: self._life(),
        )
        self._settings = settings
        self._keys = keys
        self._granted = granted

    def _life(self) -> int:
        if self._granted is None:
            return self._settings.agent_token_seconds
        short, day = self._settings.access_token_seconds, self._settings.portal_token_seconds
        return short if self._granted.refresh_token else day

    def _refresh_token(self, **_about: Any) -> str | None:
        return self._granted.refresh_token if self._granted else None

    def get_jwks(self) -> KeySet:
        """Return the signing key."""
        return self._keys.signing

    def get_audiences(self, client: Client, user: Person | None, scope: str) -> str:
        """Return the one audience, whatever was asked."""
        del client, user, scope
        return self._keys.audience

    def get_extra_claims(self, client: Client, grant_type: str, user: Person | None, scope: str) -> dict[str, Any]:
        """Name the grant and the sign-in behind it. Role and state are read from the database at each call."""
        del client, grant_type, user, scope
        if self._granted is None:
            return {}
        row = self._granted.row
        return {"sid": row.id, "auth_time": int(row.auth_time.timestamp())}
