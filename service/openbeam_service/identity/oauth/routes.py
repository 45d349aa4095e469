"""The issuer's addresses: discovery, keys, authorize, token, device authorization, revocation, userinfo."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

import structlog
from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from authlib.oidc.core.errors import ConsentRequiredError
from fastapi import APIRouter, Depends, Request, Security
from fastapi.responses import JSONResponse, RedirectResponse, Response
from openbeam.errors import TooMany

from openbeam_service.database import Db
from openbeam_service.identity.browser import check_form, signed_in
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.oauth.adapter import Person, Received, received
from openbeam_service.identity.oauth.consent import ask
from openbeam_service.identity.oauth.grants import user_claims
from openbeam_service.identity.oauth.metadata import metadata
from openbeam_service.identity.oauth.server import AuthorizationServer
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.limits import Door, address_of
from openbeam_service.pages import message

__all__ = ["router"]

router = APIRouter(tags=["identity"])
Form = Annotated[Received, Depends(received)]
_log = structlog.get_logger("openbeam.identity")


def _server(request: Request, db: Db, **more: Any) -> AuthorizationServer:
    state = request.app.state
    return AuthorizationServer(state.settings, state.issuer_keys, db, address=address_of(request), **more)


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

    A native client gets it when the person says so on a page of ours, every time. The portal is ours, and needs none.
    """
    return _authorize(request, db, form, None)


@router.post("/oauth/authorize", include_in_schema=False)
def consent(request: Request, db: Db, form: Form) -> Response:
    """Send the browser back with what the person decided on that page."""
    return _authorize(request, db, form, check_form(request, form).get("decision", ""))


def _authorize(request: Request, db: Db, form: Received, decision: str | None) -> Response:
    person = signed_in(request, db)
    user, since = person or (None, None)
    server = _server(request, db, auth_time=since)
    try:
        grant = server.get_consent_grant(form, end_user=Person(user) if user else None)
    except OAuth2Error as error:
        return _refuse(request, server, error)
    except ValueError:
        return _refuse(request, server, InvalidRequestError("The request is malformed."))
    if user is None or (grant.prompt == "login" and decision is None):
        return _to_login(form)
    if decision is None and grant.request.client.is_native:
        if "none" in dict(form.query).get("prompt", "").split():
            unasked = ConsentRequiredError(redirect_uri=grant.redirect_uri, state=grant.request.payload.state)
            return _refuse(request, server, unasked)
        return ask(request, user, grant.request)
    allowed = Person(user) if decision in {None, "allow"} else None
    answer: Response = server.create_authorization_response(grant.request, grant_user=allowed, grant=grant)
    return answer


def _answer(request: Request, db: Db, door: Door, make: Callable[[AuthorizationServer], Response]) -> Response:
    """Return what the issuer answers to a program that has not asked too often."""
    server = _server(request, db)
    try:
        request.app.state.limits.spend(door, server.address)
        return make(server)
    except TooMany as error:
        wait = error.details["retry_after"]
        too_often = {"error": "temporarily_unavailable", "error_description": str(error)}
        return JSONResponse(too_often, error.status, {"Retry-After": str(wait), "Cache-Control": "no-store"})
    except ValueError:
        # Authlib raises it for a header or a text that nobody can read.
        refused: Response = server.handle_error_response(None, InvalidRequestError("The request is malformed."))
        return refused


@router.post("/oauth/token", summary="Exchange a code, a refresh token or a signed assertion for an access token")
def token(request: Request, db: Db, form: Form) -> Response:
    """Return an access token (RFC 6749, 8628, 7523), with an ID token for a code whose scope says ``openid``.

    A refresh token works once and brings the next one; used again, it takes all tokens of its sign-in away.
    """
    answer = _answer(request, db, Door.token, lambda server: server.create_token_response(form))
    if answer.status_code >= 400:  # noqa: PLR2004  the first status that is an error
        _log.info("token refused", status=answer.status_code, body=bytes(answer.body).decode()[:300])
    return answer


@router.post("/oauth/device_authorization", summary="Begin the sign-in of a program without a browser (RFC 8628)")
def device_authorization(request: Request, db: Db, form: Form) -> Response:
    """Return a code for the program, and a short one that a person types at ``/device``."""
    return _answer(
        request, db, Door.device, lambda server: server.create_endpoint_response("device_authorization", form)
    )


@router.post("/oauth/revoke", summary="Make a token worthless (RFC 7009)")
def revoke(request: Request, db: Db, form: Form) -> Response:
    """End the sign-in that a refresh or access token belongs to, or a personal token; unknown tokens are fine too."""
    return _answer(request, db, Door.token, lambda server: server.create_endpoint_response("revocation", form))


@router.post("/oauth/userinfo", include_in_schema=False)
@router.get("/oauth/userinfo", summary="Who the access token stands for")
def userinfo(caller: Annotated[Principal, Security(principal, scopes=["openid"])], db: Db) -> dict[str, Any]:
    """Return the claims that the token's scopes allow."""
    user = db.get_one(UserRow, caller.user_id)
    return user_claims(user, " ".join(caller.scopes))
