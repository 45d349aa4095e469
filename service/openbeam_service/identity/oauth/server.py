# mypy: disallow-subclassing-any=False
# Authlib has no types.
"""The issuer: Authlib's authorization server, made anew for each request around its database session."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from authlib.common.urls import add_params_to_uri
from authlib.oauth2.rfc6749 import AuthorizationServer as AuthlibServer
from authlib.oauth2.rfc6749 import InvalidScopeError, JsonRequest
from authlib.oauth2.rfc9207 import IssuerParameter
from authlib.oidc.rpinitiated import EndSessionEndpoint
from fastapi.responses import JSONResponse, Response
from joserfc.jwk import KeySet
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.identity import grants
from openbeam_service.identity.grants import Granted
from openbeam_service.identity.keys import ALGORITHM, IssuerKeys
from openbeam_service.identity.models import GrantRow, OAuthClientRow, UserRow
from openbeam_service.identity.oauth.adapter import Client, FormRequest, Person, Received
from openbeam_service.identity.oauth.assertion import AgentAssertion
from openbeam_service.identity.oauth.device import DeviceEndpoint, DeviceGrant
from openbeam_service.identity.oauth.grants import AgentGrant, CodeGrant, IdTokens, S256Only
from openbeam_service.identity.oauth.refresh import RefreshGrant
from openbeam_service.identity.oauth.revocation import Revocation
from openbeam_service.identity.oauth.tokens import AccessTokens
from openbeam_service.identity.principal import acting
from openbeam_service.identity.scopes import AGENT_SCOPE, HOST_SCOPE, NATIVE_SCOPES, OFFLINE_SCOPE, cap
from openbeam_service.settings import Settings

__all__ = ["AuthorizationServer"]


class _IssuerInAnswer(IssuerParameter):
    """RFC 9207: ``iss`` in the answer of ``/oauth/authorize``. Authlib's own knows Flask's responses only."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def add_issuer_parameter(self, authorization_server: AuthorizationServer, response: Response) -> None:
        """Add it to the address that the browser is sent to."""
        del authorization_server
        if location := response.headers.get("location"):
            response.headers["location"] = add_params_to_uri(location, {"iss": self._issuer})


class _EndSession(EndSessionEndpoint):
    """Sign-out that a client asks for. It ends the grant; the page itself forgets the session."""

    def get_server_jwks(self) -> KeySet:
        """Return the keys that signed our ID tokens."""
        keys: IssuerKeys = self.server.keys
        return keys.known

    def get_algorithms(self) -> list[str]:
        """Return the one algorithm."""
        return [ALGORITHM]

    def end_session(self, end_session_request: Any) -> None:
        """End the grant that the ID token came from: its access token is refused from now on."""
        grants.revoke(self.server.db, str((end_session_request.id_token_claims or {}).get("sid", "")))


class AuthorizationServer(AuthlibServer):
    """Knows three ways of clients: the portal (a secret), people's own programs (none), agents (a signed assertion)."""

    def __init__(
        self, settings: Settings, keys: IssuerKeys, db: Session, auth_time: datetime | None = None, address: str = ""
    ) -> None:
        super().__init__(scopes_supported=[*NATIVE_SCOPES, AGENT_SCOPE, HOST_SCOPE])
        self.settings = settings
        self.keys = keys
        self.db = db
        self.auth_time = auth_time
        self.address = address
        self.granted: Granted | None = None
        """What a person has granted in this very request."""
        self.register_token_generator("default", self._tokens)
        self.register_client_auth_method(
            AgentAssertion.CLIENT_AUTH_METHOD, AgentAssertion(db, [f"{settings.url}/oauth/token", settings.url])
        )
        self.register_grant(CodeGrant, [S256Only(required=True), IdTokens(self)])
        self.register_grant(RefreshGrant)
        self.register_grant(DeviceGrant)
        self.register_grant(AgentGrant)
        self.register_endpoint(DeviceEndpoint)
        self.register_endpoint(Revocation)
        self.register_endpoint(_EndSession)
        self.register_extension(_IssuerInAnswer(settings.url))

    def query_client(self, client_id: str) -> Client | None:
        """Return an active client whose owner, if it has one, has an open account."""
        row = self.db.get(OAuthClientRow, client_id)
        if row is None or not row.active:
            return None
        owner = self.db.get(UserRow, row.owner_id) if row.owner_id else None
        return Client(row) if row.owner_id is None or (owner and owner.active) else None

    def _tokens(self, grant_type: str, client: Client, user: Person | None = None, **about: Any) -> dict[str, Any]:
        about["include_refresh_token"] = bool(self.granted and self.granted.refresh_token)
        return dict(AccessTokens(self.settings, self.keys, self.granted)(grant_type, client, user, **about))

    def begin(self, client: Client, user: Person, *, scope: str, source: str, auth_time: datetime) -> GrantRow:
        """Make the grant that the tokens of this request belong to.

        A native client gets what its person could give when they were asked, and no more when they may more one day.
        """
        if client.is_native:
            may = cap(scope.split(), user.row.role).union({OFFLINE_SCOPE})
            scope = " ".join(name for name in scope.split() if name in may)
        if not scope:
            raise InvalidScopeError
        refresh = client.is_native or OFFLINE_SCOPE in scope.split()
        days, seconds = self.settings.refresh_days, self.settings.portal_token_seconds
        self.granted = grants.grant(
            self.db,
            client_id=client.get_client_id(),
            user_id=user.get_user_id(),
            scope=scope,
            source=source,
            auth_time=auth_time,
            life=timedelta(days=days) if refresh else timedelta(seconds=seconds),
            refresh=refresh,
        )
        note(self.db, acting(user.row, client.get_client_id()), "grant.make", self.granted.row.id, scope=scope)
        return self.granted.row

    def save_token(self, token: dict[str, Any], request: FormRequest) -> None:
        """Store nothing: access tokens are signed and short, and a refresh token is stored when it is made."""

    def create_oauth2_request(self, request: Received | FormRequest) -> FormRequest:
        """Wrap a request; leave one alone that is wrapped already."""
        return request if isinstance(request, FormRequest) else FormRequest(self.settings.url, request)

    def create_json_request(self, request: Any) -> JsonRequest:
        """Refuse: no endpoint of ours takes JSON."""
        raise NotImplementedError

    def handle_response(self, status: int, body: Any, headers: list[tuple[str, str]]) -> Response:
        """Return Authlib's answer as ours."""
        kind = JSONResponse if isinstance(body, dict) else Response
        return kind(body, status, dict(headers))

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Do nothing: we listen to no signal."""
