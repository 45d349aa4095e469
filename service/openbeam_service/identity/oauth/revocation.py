# mypy: disallow-subclassing-any=False
# Authlib has no types.
"""Revocation (RFC 7009): whoever holds a token may make it worthless. It bites at the token's next use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from authlib.oauth2.rfc6749 import InvalidRequestError
from authlib.oauth2.rfc7009 import RevocationEndpoint
from openbeam.errors import NotSignedIn
from sqlalchemy import delete

from openbeam_service.audit.store import note
from openbeam_service.identity import grants as store
from openbeam_service.identity import tokens
from openbeam_service.identity.models import GrantRow, PersonalTokenRow, UserRow
from openbeam_service.identity.oauth.adapter import Client, FormRequest
from openbeam_service.identity.principal import acting

__all__ = ["Revocation"]


@dataclass(frozen=True)
class _Found:
    """The grant behind a refresh or access token, or a personal token."""

    row: GrantRow | PersonalTokenRow

    def check_client(self, client: Client) -> bool:
        """Tell whether the token is this client's; a personal token is whoever's holds it."""
        return isinstance(self.row, PersonalTokenRow) or bool(client.get_client_id() == self.row.client_id)


class Revocation(RevocationEndpoint):
    """Refresh and access tokens stand for their grant, so both end it; a personal token ends alone."""

    CLIENT_AUTH_METHODS = ("none", "client_secret_basic")

    def check_params(self, request: FormRequest, client: Client) -> None:
        """Require the token alone: what kind it is can be seen."""
        del client
        if "token" not in request.form:
            raise InvalidRequestError("Missing 'token' in request.")

    def query_token(self, token_string: str, token_type_hint: str | None) -> _Found | None:
        """Return what a token stands for."""
        del token_type_hint
        db = self.server.db
        row: GrantRow | PersonalTokenRow | None
        if token_string.startswith(store.PREFIX):
            row = store.find(db, token_string)
        elif token_string.startswith(tokens.PREFIX):
            row = tokens.find(db, token_string)
        else:
            try:
                row = db.get(GrantRow, self.server.keys.verify_access_token(token_string).sid or "")
            except NotSignedIn:
                row = None
        return _Found(row) if row else None

    def revoke_token(self, token: _Found, request: FormRequest) -> None:
        """Revoke it."""
        row: Any = token.row
        self.server.db.execute(delete(type(row)).where(type(row).id == row.id))
        owner = self.server.db.get_one(UserRow, row.user_id)
        action = "grant.revoke" if isinstance(row, GrantRow) else "token.revoke"
        note(self.server.db, acting(owner, request.client.get_client_id()), action, row.id)
