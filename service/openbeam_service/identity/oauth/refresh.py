# mypy: disallow-subclassing-any=False
# Authlib has no types.
"""Refresh tokens: each works once and brings the next; one that comes back takes its whole family away."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from authlib.oauth2.rfc6749 import InvalidGrantError, TokenMixin, grants

from openbeam_service.identity import grants as store
from openbeam_service.identity.models import GrantRow, UserRow
from openbeam_service.identity.oauth.adapter import Client, Person

__all__ = ["RefreshGrant", "RefreshToken"]


class RefreshToken(TokenMixin):
    """What Authlib asks of a refresh token."""

    def __init__(self, row: GrantRow) -> None:
        self.row = row

    def check_client(self, client: Client) -> bool:
        """Tell whether it was made for this client."""
        return bool(client.get_client_id() == self.row.client_id)

    def get_scope(self) -> str:
        """Return what was granted."""
        return self.row.scope


class RefreshGrant(grants.RefreshTokenGrant):
    """New tokens for an old refresh token. A narrower scope may be asked for; the grant keeps its own."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none", "client_secret_basic")
    INCLUDE_NEW_REFRESH_TOKEN = True

    def authenticate_refresh_token(self, refresh_token: str) -> RefreshToken | None:
        """Return the grant of a token that is its newest."""
        row = store.find(self.server.db, refresh_token, self.request.client.get_client_id())
        return RefreshToken(row) if row else None

    def authenticate_user(self, refresh_token: RefreshToken) -> Person:
        """Return the person, when their account is still open."""
        row = self.server.db.get(UserRow, refresh_token.row.user_id)
        if row is None or not row.active:
            raise InvalidGrantError("This account is closed.")
        return Person(row)

    def generate_token(self, **about: Any) -> dict[str, Any]:
        """Make the next tokens."""
        life = timedelta(days=self.server.settings.refresh_days)
        self.server.granted = store.renew(self.server.db, self.request.refresh_token.row, life)
        if self.server.granted is None:
            raise InvalidGrantError("This refresh token has been used before.")
        return dict(super().generate_token(**about))

    def revoke_old_credential(self, refresh_token: RefreshToken) -> None:
        """Do nothing: the old secret has been overwritten."""
