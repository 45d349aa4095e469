"""Who calls: the dependency by which every route knows its caller and says which scopes it needs.

::

    caller: Annotated[Principal, Security(principal, scopes=["tasks:run"])]

Role and active state come from the database at each call, so taking them away works at once. The look-up has a
session of its own, closed before the route starts: a route that waits for half a minute holds no connection.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final, NoReturn

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from openbeam.errors import NotAllowed, NotSignedIn
from openbeam.models import Role
from sqlalchemy.orm import Session, joinedload

from openbeam_service.identity import tokens
from openbeam_service.identity.grants import is_live
from openbeam_service.identity.keys import IssuerKeys
from openbeam_service.identity.models import OAuthClientRow, UserRow
from openbeam_service.identity.scopes import AGENT_SCOPE, HOST_SCOPE, cap
from openbeam_service.limits import Door, address_of

__all__ = ["Principal", "acting", "authenticate", "bounded", "optional_principal", "principal"]

_bearer: Final = HTTPBearer(
    auto_error=False, description="An access token of this service, or a personal token `obp_…`."
)

_WITH_OWNER: Final = (joinedload(OAuthClientRow.owner),)
_AGENTS: Final = (AGENT_SCOPE, HOST_SCOPE)


@dataclass(frozen=True)
class Principal:
    """The caller of one request: a person, or an agent of an endpoint or a host (``role`` None)."""

    user_id: str
    """The person; for an agent, the endpoint's owner."""
    name: str
    role: Role | None
    scopes: frozenset[str]
    client_id: str
    """``portal``, ``openbeam``, an endpoint's id, or ``token:<id>`` for a personal token."""
    endpoint_id: str | None = None
    """Of the endpoint whose agent this is."""
    host_id: str | None = None
    """Of the host whose agent this is."""
    display: str = ""
    """What to call them."""

    @property
    def token_id(self) -> str | None:
        """Id of the personal token that the caller shows; None for who has signed in."""
        kind, _, token_id = self.client_id.partition(":")
        return token_id if kind == "token" else None

    @property
    def is_admin(self) -> bool:
        """True for a person whose role and token both say so."""
        return self.role is Role.admin and "admin" in self.scopes


def _refuse(message: str) -> NoReturn:
    raise NotSignedIn(message, reason="invalid_token")


def acting(user: UserRow, client_id: str) -> Principal:
    """Return somebody who has just proved who they are, as the audit trail names them."""
    return Principal(user.id, user.name, user.role, frozenset(), client_id)


def _person(db: Session, user_id: str, scopes: Iterable[str], client_id: str) -> Principal:
    # It came with the token or the grant: no statement of its own.
    user = db.get(UserRow, user_id)
    if user is None or not user.active:
        _refuse("This account is closed. Ask an administrator.")
    return Principal(user.id, user.name, user.role, cap(scopes, user.role), client_id, display=user.called)


def _bearer_of_jwt(db: Session, keys: IssuerKeys, token: str) -> Principal:
    claims = keys.verify_access_token(token)
    client = db.get(OAuthClientRow, claims.client_id, options=_WITH_OWNER)
    if client is None or not client.active:
        _refuse("The program that holds this token is not registered any more. Register it again.")
    if client.owner_id is None:
        if not is_live(db, claims.sid, user_id=claims.sub, client_id=client.id):
            _refuse("This sign-in has been ended. Sign in again.")
        return _person(db, claims.sub, claims.scopes, client.id)
    owner = client.owner
    if claims.sub != client.id or owner is None or not owner.active:
        _refuse("The owner of this endpoint has no open account. Ask an administrator.")
    scopes = frozenset(client.scopes).intersection(claims.scopes, _AGENTS)
    if HOST_SCOPE not in client.scopes:
        return Principal(owner.id, owner.name, None, scopes, client.id, endpoint_id=client.id)
    if owner.role is not Role.admin:
        _refuse("Who enrolled this host is no administrator any more. Let one enrol it again.")
    return Principal(owner.id, owner.name, None, scopes, client.id, host_id=client.id)


def _bearer_of_personal_token(db: Session, token: str) -> Principal:
    row = tokens.find(db, token)
    if row is None:
        _refuse("This personal token is not known, or has expired. Ask for a new one.")
    tokens.mark_used(db, row)
    return _person(db, row.user_id, row.scopes, f"token:{row.id}")


def _caller(request: Request, token: str) -> Principal:
    with request.app.state.sessions.begin() as db:
        if token.startswith(tokens.PREFIX):
            return _bearer_of_personal_token(db, token)
        return _bearer_of_jwt(db, request.app.state.issuer_keys, token)


def _count_stranger(request: Request) -> None:
    request.app.state.limits.spend(Door.strangers, address_of(request))


def authenticate(request: Request, token: str, needed: Iterable[str] = ()) -> Principal:
    """Return the caller that a bearer token stands for.

    Raises
    ------
    NotSignedIn
        When the token is malformed, expired, revoked or not for this service.
    NotAllowed
        When it lacks one of the needed scopes.
    TooMany
        When this caller, or for a token that is not valid this address, calls too often.

    """
    try:
        caller = _caller(request, token)
    except NotSignedIn:
        _count_stranger(request)
        raise
    request.app.state.limits.spend(Door.calls, caller.endpoint_id or caller.host_id or caller.user_id)
    missing = sorted(set(needed) - caller.scopes)
    if missing:
        who = f"The role {caller.role}" if caller.role else "An agent"
        raise NotAllowed(f"{who} with this token may not do this. It needs: {', '.join(missing)}.", scope=missing)
    return caller


def bounded(request: Request) -> None:
    """Count a call that needs no token, for its address."""
    _count_stranger(request)


def optional_principal(
    needed: SecurityScopes,
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal | None:
    """Return the caller, or None when the request carries no token at all."""
    if credentials is None:
        _count_stranger(request)
        return None
    return authenticate(request, credentials.credentials, needed.scopes)


def principal(
    needed: SecurityScopes,
    request: Request,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> Principal:
    """Return the caller; refuse a request without a token, or one whose token lacks a scope."""
    if credentials is None:
        _count_stranger(request)
        raise NotSignedIn("Sign in first: this needs a token.")
    return authenticate(request, credentials.credentials, needed.scopes)
