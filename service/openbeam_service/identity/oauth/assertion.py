# mypy: disallow-subclassing-any=False
# Authlib has no types.
"""``private_key_jwt`` (RFC 7523): an agent signs a short assertion with its key, and each counts once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidClientError
from authlib.oauth2.rfc7523 import JWTBearerClientAssertion
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from openbeam_service.database.base import now
from openbeam_service.identity.keys import ALGORITHM
from openbeam_service.identity.models import AssertionRow
from openbeam_service.identity.oauth.adapter import Client
from openbeam_service.identity.secret import digest

__all__ = ["AgentAssertion"]

_LONGEST: Final = timedelta(minutes=10)
"""Life of an assertion; the table of used ones need remember no longer."""


class AgentAssertion(JWTBearerClientAssertion):
    """Checks signature (ES256), audience (this issuer), life, and that the ``jti`` is new."""

    CLIENT_AUTH_METHOD = "private_key_jwt"

    def __init__(self, db: Session, audiences: list[str]) -> None:
        super().__init__(validate_jti=True, leeway=30)
        self._db = db
        self._audiences = audiences

    def get_audiences(self) -> list[str]:
        """Return the names under which an agent may address us."""
        return self._audiences

    def resolve_client_public_key(self, client: Client) -> ECKey:
        """Return the key that the endpoint was registered with."""
        if client.row.key is None:
            raise InvalidClientError(description="This client has no key.")
        return ECKey.import_key(client.row.key)

    def process_assertion_claims(self, assertion: str, resolve_key: ECKey) -> dict[str, Any]:
        """Verify with the one algorithm, so that the header cannot choose another."""
        try:
            claims = jwt.decode(assertion, resolve_key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError) as error:
            raise InvalidClientError(description="The assertion is not signed with the registered key.") from error
        self.verify_claims(claims)
        return claims

    def validate_jti(self, claims: dict[str, Any], jti: object) -> bool:
        """Remember the assertion; False when it has been used before."""
        try:
            expires = datetime.fromtimestamp(claims["exp"], UTC)
        except (OverflowError, OSError, ValueError):
            expires = datetime.max.replace(tzinfo=UTC)
        if expires > now() + _LONGEST:
            raise InvalidClientError(description="The assertion lives too long: ten minutes at most.")
        self._db.execute(delete(AssertionRow).where(AssertionRow.expires < now() - timedelta(seconds=self.leeway)))
        used = AssertionRow(hash=digest(f"{claims['sub']} {jti}"), expires=expires)
        try:
            with self._db.begin_nested():
                self._db.add(used)
        except IntegrityError:
            return False
        return True
