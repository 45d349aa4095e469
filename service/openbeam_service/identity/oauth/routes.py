"""The issuer's addresses: discovery, keys, authorize, token, userinfo."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlencode

import structlog
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from fastapi import APIRouter, Depends, Request, Security
from fastapi.responses import RedirectResponse, Response

from openbeam_service.database import Db
from openbeam_service.identity.browser import signed_in
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.oauth.adapter import Person, Received, received
from openbeam_service.identity.oauth.grants import user_claims
from openbeam_service.identity.oauth.metadata import metadata
from openbeam_service.identity.oauth.server import AuthorizationServer
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.pages import message

__all__ = ["router"]

router = APIRouter(tags=["identity"])
Form = Annotated[Received, Depends(received)]
_log = structlog.get_logger("openbeam.identity")


def _server(request: Request, db: Db, **more: Any) -> AuthorizationServer:
    return AuthorizationServer(request.app.state.settings, request.app.state.issuer_keys, db, **more)


@router.get("/.well-known/openid-configuration", summary="What this issuer offers (OpenID Connect discovery)")
def discovery(request: Request) -> dict[str, Any]:
    """Return the discovery document."""
    return metadata(request.app.state.settings.url)


@router.get("/oauth/jwks", summary="Public keys of this issuer")
def jwks(request: Request) -> dict[str, Any]:
    """Return the public keys by which tokens are verified."""
    keys: dict[str, Any] = request.app.state.issuer_keys.public()
    return keys


def _to_login(received: Received) -> Response:
    # Without its prompt, or the person would be asked again and again.
    query = urlencode([(key, value) for key, value in received.query if key != "prompt"])
    return RedirectResponse("/login?" + urlencode({"next": f"{received.path}?{query}"}), 303)


def _refuse(request: Request, server: AuthorizationServer, error: OAuth2Error) -> Response:
    """Tell the client, where that is safe; else tell the person."""
    if not error.redirect_uri:
        return message(request, "This sign-in link does not work", f"{error.get_error_description()}", 400)
    response: Response = server.handle_error_response(None, error)
    server.execute_hook("after_create_authorization_response", response)
    return response


@router.get("/oauth/authorize", summary="Ask a person to sign in (authorization code, PKCE S256)", status_code=302)
def authorize(request: Request, db: Db, form: Form) -> Response:
    """Send the browser back with a code when the person is signed in, else to the sign-in page.

    There is no consent page: the portal is the only client, and it is ours.
    """
    person = signed_in(request, db)
    user, since = person or (None, None)
    server = _server(request, db, auth_time=since)
    try:
        grant = server.get_consent_grant(form, end_user=Person(user) if user else None)
    except OAuth2Error as error:
        return _refuse(request, server, error)
    except ValueError:
        return _refuse(request, server, InvalidRequestError("The request is malformed."))
    if user is None or grant.prompt == "login":
        return _to_login(form)
    answer: Response = server.create_authorization_response(grant.request, grant_user=Person(user), grant=grant)
    return answer


@router.post("/oauth/token", summary="Exchange a code, or an agent's signed assertion, for an access token")
def token(request: Request, db: Db, form: Form) -> Response:
    """Return an access token (RFC 6749), with an ID token when the scope says ``openid``."""
    server = _server(request, db)
    try:
        answer: Response = server.create_token_response(form)
    except ValueError:
        # Authlib raises it for a header or a text that nobody can read.
        answer = server.handle_error_response(None, InvalidRequestError("The request is malformed."))
    if answer.status_code >= 400:  # noqa: PLR2004  the first status that is an error
        _log.info("token refused", status=answer.status_code, body=bytes(answer.body).decode()[:300])
    return answer


@router.get("/oauth/userinfo", summary="Who the access token stands for")
def userinfo(caller: Annotated[Principal, Security(principal, scopes=["openid"])], db: Db) -> dict[str, Any]:
    """Return the claims that the token's scopes allow."""
    user = db.get_one(UserRow, caller.user_id)
    return user_claims(user, " ".join(caller.scopes))
