"""The way to another provider and back: OAuth 2 with state, nonce and PKCE, and what comes back is verified."""

from __future__ import annotations

import time
import warnings
from typing import Any, Final

import httpx
import structlog
from authlib.common.errors import AuthlibBaseError
from authlib.deprecate import AuthlibDeprecationWarning
from authlib.integrations.base_client.errors import MismatchingStateError
from fastapi import Request
from fastapi.responses import Response
from joserfc.errors import JoseError
from joserfc.jws import extract_compact
from openbeam.errors import NotAllowed, NotKnown, ServiceUnavailable
from openbeam.places import trusts_environment

from openbeam_service.identity.upstream.config import Claims, Provider
from openbeam_service.settings import Settings

__all__ = ["Upstream"]

_SECONDS: Final = 10.0
_METADATA_SECONDS: Final = 3600.0
_LEEWAY: Final = 60
# Authlib goes by the provider's own list, which may hold "none", or algorithms whose key is our secret.
_ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512"})
_BROKEN: Final = (AuthlibBaseError, JoseError, ValueError, KeyError, TypeError, AttributeError, RuntimeError)
_log = structlog.get_logger("openbeam.identity")


def _options(provider: Provider, tls: Any) -> dict[str, Any]:
    """Return what Authlib wants to know of a provider."""
    addresses = {"authorize_url": provider.authorize_url, "access_token_url": provider.token_url}
    if provider.is_oidc:
        addresses = {"server_metadata_url": f"{provider.issuer.rstrip('/')}/.well-known/openid-configuration"}
    client: dict[str, Any] = {
        "scope": " ".join(provider.scopes),
        "code_challenge_method": "S256",
        "token_endpoint_auth_method": provider.client_auth,
        # The token is used at once; by default a token of a minute would pass for expired.
        "leeway": 0,
        "timeout": _SECONDS,
        "verify": tls,
        # A school's proxy leads to the world, not to this machine.
        "trust_env": trusts_environment(provider.issuer),
    }
    return {
        "client_id": provider.client_id,
        "client_secret": provider.secret,
        "client_kwargs": client,
        **addresses,
    }


def _registry() -> Any:
    """Return Authlib's registry of clients. It would rather have httpx2, and a log of JSON is no place to say so."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", AuthlibDeprecationWarning)
        from authlib.integrations.starlette_client import OAuth
    return OAuth()


class Upstream:
    """All other providers of this service."""

    def __init__(self, settings: Settings) -> None:
        self._providers = settings.providers
        self._url = settings.url
        self._oauth = _registry()
        # Reading all root certificates takes longer than a sign-in: once for all.
        tls = httpx.create_ssl_context() if settings.providers else None
        for name, provider in settings.providers.items():
            self._oauth.register(name, **_options(provider, tls))

    def provider(self, name: str) -> Provider:
        """Return a provider by name.

        Raises
        ------
        NotKnown
            When there is none.

        """
        if name not in self._providers:
            raise NotKnown("There is no such way to sign in. Go back and choose another.", name=name[:64])
        return self._providers[name]

    async def send(self, request: Request, name: str) -> Response:
        """Return the answer that sends the browser to the provider.

        Raises
        ------
        ServiceUnavailable
            When the provider does not answer, or is not who it should be.

        """
        provider = self.provider(name)
        try:
            await self._prepare(name, provider)
            back = f"{self._url}/login/back/{name}"
            answer: Response = await self._oauth.create_client(name).authorize_redirect(request, back)
        except (httpx.HTTPError, *_BROKEN) as error:
            raise _away(provider, error) from error
        return answer

    async def receive(self, request: Request, name: str) -> Claims:
        """Return what the provider says of the person who comes back from it.

        Raises
        ------
        NotAllowed
            When the browser did not leave from here, the person refused, or what comes back proves nothing.
        ServiceUnavailable
            When the provider does not answer.

        """
        provider = self.provider(name)
        said = request.query_params.get("iss")
        if said is not None and said != provider.issuer:
            raise NotAllowed(f"{provider.label} did not send you here. Sign in again.", provider=name)
        try:
            await self._prepare(name, provider)
            return await self._claims(request, name, provider)
        except MismatchingStateError:
            raise NotAllowed("This sign-in was begun elsewhere, or is too old. Sign in again.", provider=name) from None
        except httpx.HTTPError as error:
            raise _away(provider, error) from error
        except _BROKEN as error:
            _log.warning("provider proved nothing", provider=name, reason=f"{type(error).__name__}: {error}"[:300])
            said = f"{provider.label} did not say who you are. Sign in again, or choose another way."
            raise NotAllowed(said, provider=name) from error

    async def _prepare(self, name: str, provider: Provider) -> None:
        """Read where the provider's doors are, once an hour, and hold it to its name."""
        if not provider.is_oidc:
            return
        client = self._oauth.create_client(name)
        if client.server_metadata.get("_loaded_at", 0) < time.time() - _METADATA_SECONDS:
            client.server_metadata.clear()
        metadata = await client.load_server_metadata()
        if metadata.get("issuer") != provider.issuer:
            found = metadata.get("issuer")
            client.server_metadata.clear()
            raise ValueError(f"the provider calls itself {found!r}, not {provider.issuer!r}")

    async def _claims(self, request: Request, name: str, provider: Provider) -> Claims:
        client = self._oauth.create_client(name)
        options = {
            "iss": {"essential": True, "value": provider.issuer},
            "aud": {"essential": True, "value": provider.client_id},
            "sub": {"essential": True},
            "exp": {"essential": True},
        }
        token = await client.authorize_access_token(request, claims_options=options, leeway=_LEEWAY)
        if not provider.is_oidc:
            answer = await client.get(provider.userinfo_url, token=token)
            answer.raise_for_status()
            return dict(answer.json())
        _check_algorithm(token["id_token"])
        proved: Claims = dict(token["userinfo"])
        if not client.server_metadata.get("userinfo_endpoint"):
            return proved
        more: Claims = dict(await client.userinfo(token=token))
        if more.get("sub") != proved["sub"]:
            raise ValueError("the ID token and the user info speak of two people")
        return more | proved


def _check_algorithm(id_token: str) -> None:
    algorithm = extract_compact(id_token.encode()).protected.get("alg")
    if algorithm not in _ALGORITHMS:
        raise ValueError(f"an ID token that is signed with {algorithm!r} proves nothing")


def _away(provider: Provider, error: Exception) -> ServiceUnavailable:
    _log.warning("provider is away", provider=provider.issuer, reason=f"{type(error).__name__}: {error}"[:300])
    said = f"{provider.label} does not answer as it should. Try again later, or sign in another way."
    return ServiceUnavailable(said, provider=provider.issuer)
