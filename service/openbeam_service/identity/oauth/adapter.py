# mypy: disallow-subclassing-any=False
# Authlib has no types.
"""How Authlib sees a request and our rows: thin views, no state."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from authlib.oauth2.rfc6749 import ClientMixin, OAuth2Payload, OAuth2Request
from authlib.oidc.core import AuthorizationCodeMixin
from fastapi import Request

from openbeam_service.identity.models import AuthorizationCodeRow, OAuthClientRow, UserRow
from openbeam_service.identity.secret import same

__all__ = ["DEVICE_GRANT", "Client", "Code", "FormRequest", "Person", "Received", "received"]

Pairs = Sequence[tuple[str, str]]
_MAX_FIELDS = 40
_PORT = re.compile(r"(?<=^http://127\.0\.0\.1):\d{1,5}(?=/)|(?<=^http://\[::1\]):\d{1,5}(?=/)", re.ASCII)

NATIVE_METHOD: Final = "none"
"""How a program proves itself that people run: not at all, so they are asked each time."""
DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_GRANTS: Final = {
    "client_secret_basic": frozenset({"authorization_code", "refresh_token"}),
    NATIVE_METHOD: frozenset({"authorization_code", "refresh_token", DEVICE_GRANT}),
    "private_key_jwt": frozenset({"client_credentials"}),
}
"""Which grants a client may use, by how it proves itself."""


@dataclass(frozen=True)
class Received:
    """A request whose body has been read, so that plain functions can use it."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: Pairs
    form: Pairs


async def received(request: Request) -> Received:
    """Read the query and, for a POST, the form of a request; files in it are refused."""
    form: list[tuple[str, str]] = []
    if request.method == "POST":
        async with request.form(max_files=0, max_fields=_MAX_FIELDS) as fields:
            form = [(key, value) for key, value in fields.multi_items() if isinstance(value, str)]
    return Received(request.method, request.url.path, request.headers, request.query_params.multi_items(), form)


class _Payload(OAuth2Payload):
    def __init__(self, pairs: Pairs) -> None:
        self._lists: dict[str, list[str]] = {}
        for key, value in pairs:
            self._lists.setdefault(key, []).append(value)

    @property
    def data(self) -> dict[str, str]:
        return {key: values[-1] for key, values in self._lists.items()}

    @property
    def datalist(self) -> dict[str, list[str]]:
        return self._lists


class FormRequest(OAuth2Request):
    """Authlib's request. Its address is built from the issuer's URL: behind a proxy the socket's own is wrong."""

    def __init__(self, origin: str, request: Received) -> None:
        super().__init__(request.method, origin + request.path, headers=request.headers)
        self._received = request
        self.payload = _Payload([*request.query, *request.form])

    @property
    def args(self) -> dict[str, str]:
        """Fields of the query."""
        return dict(self._received.query)

    @property
    def form(self) -> dict[str, str]:
        """Fields of the body."""
        return dict(self._received.form)


class Client(ClientMixin):
    """What Authlib asks of a client, answered from its row."""

    def __init__(self, row: OAuthClientRow) -> None:
        self.row = row

    @property
    def client_metadata(self) -> dict[str, Any]:
        """Where a sign-out may lead: the addresses of sign-in."""
        return {"post_logout_redirect_uris": self.row.redirect_uris}

    def get_client_id(self) -> str:
        """Return the client's id."""
        return self.row.id

    def get_default_redirect_uri(self) -> None:
        """Return nothing: the address is always said, and compared as a whole."""

    def get_allowed_scope(self, scope: str | None) -> str | None:
        """Return those of the asked scopes that the client may have; all when none is asked; None when none is left."""
        asked = scope.split() if scope else self.row.scopes
        return " ".join(name for name in asked if name in self.row.scopes) or None

    @property
    def is_native(self) -> bool:
        """True for a program that somebody runs on a machine of theirs."""
        return self.row.auth_method == NATIVE_METHOD

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        """Compare as a whole, character by character; a native client's port on its own machine may be any."""
        return (_PORT.sub("", redirect_uri) if self.is_native else redirect_uri) in self.row.redirect_uris

    def check_client_secret(self, client_secret: str) -> bool:
        """Compare with the stored digest in constant time."""
        return same(client_secret, self.row.secret_hash)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        """Allow the one method the client was registered with."""
        del endpoint
        return method == self.row.auth_method

    def check_response_type(self, response_type: str) -> bool:
        """Allow codes alone, and only for who uses them."""
        return response_type == "code" and self.check_grant_type("authorization_code")

    def check_grant_type(self, grant_type: str) -> bool:
        """Allow the grants that fit how the client proves itself."""
        return grant_type in _GRANTS[self.row.auth_method]


class Person:
    """What Authlib asks of a user."""

    def __init__(self, row: UserRow) -> None:
        self.row = row

    def get_user_id(self) -> str:
        """Return the subject of this person's tokens."""
        return self.row.id


class Code(AuthorizationCodeMixin):
    """What Authlib asks of an authorization code."""

    def __init__(self, row: AuthorizationCodeRow) -> None:
        self.row = row

    @property
    def code_challenge(self) -> str:
        """The S256 challenge that the verifier must meet."""
        return self.row.challenge

    def get_redirect_uri(self) -> str:
        """Return where the code was sent."""
        return self.row.redirect_uri

    def get_scope(self) -> str:
        """Return what was granted."""
        return self.row.scope

    def get_nonce(self) -> str | None:
        """Return the nonce that goes into the ID token."""
        return self.row.nonce

    def get_auth_time(self) -> int:
        """Return when the person signed in, in seconds since 1970."""
        return int(self.row.auth_time.timestamp())
