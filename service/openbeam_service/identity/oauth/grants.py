# mypy: disallow-subclassing-any=False
# Authlib has no types.
"""Codes with PKCE S256 for people, with their ID tokens; client credentials with a signed assertion for agents."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final

from authlib.oauth2.rfc6749 import InvalidRequestError, grants
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import OpenIDCode
from joserfc.jwk import KeySet
from sqlalchemy import delete

from openbeam_service.database.base import now
from openbeam_service.identity.grants import revoke_source
from openbeam_service.identity.keys import ALGORITHM, IssuerKeys
from openbeam_service.identity.models import AuthorizationCodeRow, UserRow
from openbeam_service.identity.oauth.adapter import Client, Code, FormRequest, Person
from openbeam_service.identity.secret import digest
from openbeam_service.settings import Settings

__all__ = ["AgentGrant", "CodeGrant", "IdTokens", "S256Only", "user_claims"]

_MAX_NONCE: Final = 300


class CodeGrant(grants.AuthorizationCodeGrant):
    """Authorization codes: stored as a digest, gone at their first use, whatever comes of it."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("none", "client_secret_basic")

    @staticmethod
    def validate_authorization_redirect_uri(request: FormRequest, client: Client) -> str:
        """Require one of the registered addresses."""
        uri = request.payload.redirect_uri
        if not uri or not client.check_redirect_uri(uri):
            # Authlib would quote the address, and its errors cannot carry every character of one.
            raise InvalidRequestError("This redirect_uri is not registered for the client.")
        return str(uri)

    def save_authorization_code(self, code: str, request: FormRequest) -> None:
        """Store a code's digest; codes that nobody came for go."""
        db, data = self.server.db, request.payload.data
        db.execute(delete(AuthorizationCodeRow).where(AuthorizationCodeRow.expires < now()))
        db.add(
            AuthorizationCodeRow(
                code_hash=digest(code),
                client_id=request.client.get_client_id(),
                user_id=request.user.get_user_id(),
                redirect_uri=request.payload.redirect_uri,
                scope=request.scope,
                nonce=data.get("nonce"),
                challenge=data["code_challenge"],
                auth_time=self.server.auth_time or now(),
                expires=now() + timedelta(seconds=self.server.settings.code_seconds),
            )
        )

    def query_authorization_code(self, code: str, client: Client) -> Code | None:
        """Take a code out of the table: two requests with the same code never both get it."""
        row = self.server.db.scalar(
            delete(AuthorizationCodeRow)
            .where(
                AuthorizationCodeRow.code_hash == digest(code),
                AuthorizationCodeRow.client_id == client.get_client_id(),
                AuthorizationCodeRow.expires > now(),
            )
            .returning(AuthorizationCodeRow)
        )
        if row is None:
            revoke_source(self.server.db, code)
            return None
        return Code(row)

    def delete_authorization_code(self, authorization_code: Code) -> None:
        """Do nothing: the code is gone since it was looked up."""

    def authenticate_user(self, authorization_code: Code) -> Person | None:
        """Return the person, when their account is still open."""
        row = self.server.db.get(UserRow, authorization_code.row.user_id)
        return Person(row) if row and row.active else None

    def generate_token(self, **about: Any) -> dict[str, Any]:
        """Make the grant and its tokens."""
        row, code, client = self.request.authorization_code.row, self.request.form["code"], self.request.client
        made = self.server.begin(client, about["user"], scope=row.scope, source=code, auth_time=row.auth_time)
        return dict(super().generate_token(**{**about, "scope": made.scope}))


class S256Only(CodeChallenge):
    """PKCE, never ``plain`` and never absent; said at once, not when the code comes back."""

    DEFAULT_CODE_CHALLENGE_METHOD = "S256"
    SUPPORTED_CODE_CHALLENGE_METHOD = ("S256",)

    def validate_code_challenge(self, grant: CodeGrant, redirect_uri: str) -> None:
        """Refuse a request without an S256 challenge."""
        data = grant.request.payload.data
        if not data.get("code_challenge") or data.get("code_challenge_method") != "S256":
            raise InvalidRequestError("PKCE is required: send code_challenge with code_challenge_method=S256.")
        nonce = data.get("nonce", "")
        if len(nonce) > _MAX_NONCE or not nonce.isprintable():
            raise InvalidRequestError("The nonce is too long, or has odd characters.")
        super().validate_code_challenge(grant, redirect_uri)

    def get_authorization_code_challenge_method(self, authorization_code: Code) -> str:
        """Return the only method there is."""
        del authorization_code
        return "S256"


def user_claims(user: UserRow, scope: str) -> dict[str, Any]:
    """Return what an ID token and ``/oauth/userinfo`` say of a person. We know no e-mail address, on purpose."""
    claims: dict[str, Any] = {"sub": user.id}
    if "profile" in scope.split():
        claims |= {"name": user.called, "preferred_username": user.name, "role": user.role.value}
    return claims


class IdTokens(OpenIDCode):
    """ID tokens, ES256, for the client that asked."""

    def __init__(self, server: Any) -> None:
        super().__init__(require_nonce=False)
        self._server = server
        self._settings: Settings = server.settings
        self._keys: IssuerKeys = server.keys

    def exists_nonce(self, nonce: str, request: FormRequest) -> bool:
        """Leave nonces to the client, who alone knows whether it has seen one."""
        del nonce, request
        return False

    def generate_user_info(self, user: Person, scope: str) -> dict[str, Any]:
        """Return the person's claims."""
        return user_claims(user.row, scope)

    def resolve_client_private_key(self, client: Client) -> KeySet:
        """Return the issuer's key."""
        del client
        return self._keys.signing

    def get_authorization_code_claims(self, authorization_code: Code) -> dict[str, Any]:
        """Name the grant too: who signs out with this token ends it."""
        return {**super().get_authorization_code_claims(authorization_code), "sid": self._server.granted.row.id}

    def get_client_algorithm(self, client: Client) -> str:
        """Return the one algorithm."""
        del client
        return ALGORITHM

    def get_client_claims(self, client: Client) -> dict[str, Any]:
        """Return issuer, audience and end of life."""
        expires = now() + timedelta(seconds=self._settings.portal_token_seconds)
        return {"iss": self._settings.url, "aud": client.get_client_id(), "exp": int(expires.timestamp())}

    def get_encode_header(self, client: Client) -> dict[str, str]:
        """Return the header, with the key's id."""
        del client
        return {"alg": ALGORITHM, "kid": self._keys.kid}


class AgentGrant(grants.ClientCredentialsGrant):
    """Tokens for agents, who prove themselves with their key and nothing else."""

    TOKEN_ENDPOINT_AUTH_METHODS = ("private_key_jwt",)
