"""The OAuth side of a service, as a program without a secret sees it: addresses, tokens, refusals."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import urlencode

import httpx
from pydantic import BaseModel, ConfigDict, ValidationError

from openbeam.errors import InvalidInput, ServiceFault, ServiceUnavailable, TooMany
from openbeam.places import trust

__all__ = ["CLIENT_ID", "DeviceCodes", "Issuer", "Proof", "Refusal", "Tokens"]

CLIENT_ID = "openbeam"
_DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
_TIMEOUT = 30.0
_TOO_MANY = 429

Shape = TypeVar("Shape", bound=BaseModel)


class Refusal(Exception):
    """The issuer said no; ``word`` is OAuth's word for why."""

    def __init__(self, word: str, description: str) -> None:
        super().__init__(description or word)
        self.word = word


class Tokens(BaseModel):
    """What a sign-in gives."""

    model_config = ConfigDict(frozen=True)

    access_token: str
    refresh_token: str
    expires_at: float
    """By this machine's clock, in seconds since 1970."""


class DeviceCodes(BaseModel):
    """A sign-in that a person allows elsewhere."""

    device_code: str
    user_code: str
    verification_uri: str
    verification_uri_complete: str
    expires_in: float
    interval: float = 5.0


@dataclass(frozen=True)
class Proof:
    """What ties an answer to the question that this very program asked (PKCE, state)."""

    verifier: str
    state: str

    @classmethod
    def fresh(cls) -> Proof:
        """Make one up."""
        return cls(secrets.token_urlsafe(48), secrets.token_urlsafe(24))

    @property
    def challenge(self) -> str:
        """What the issuer is shown before, by the method S256."""
        return base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).rstrip(b"=").decode()


class Issuer:
    """The OAuth addresses of a service."""

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def _addresses(self) -> dict[str, Any]:
        found = self._request("GET", f"{self.url}/.well-known/openid-configuration")
        named = str(found.get("issuer"))
        if named != self.url:
            message = f"This service calls itself {named}. Set OPENBEAM_URL to that and sign in again."
            raise InvalidInput(message, field="url")
        return found

    def _address(self, name: str) -> str:
        address = str(self._addresses.get(name))
        if not address.startswith(f"{self.url}/"):
            raise self._strange(f"{name} is {address}")
        return address

    def scopes(self, without: Iterable[str]) -> str:
        """Return all that may be asked for but some: the service cuts it to what the person may do."""
        return " ".join(str(name) for name in self._addresses.get("scopes_supported", ()) if name not in without)

    def authorize_url(self, redirect_uri: str, scope: str, proof: Proof) -> str:
        """Return where a person allows this program in their browser."""
        query = {
            "response_type": "code",
            "client_id": CLIENT_ID,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": proof.state,
            "code_challenge": proof.challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._address('authorization_endpoint')}?{urlencode(query)}"

    def exchange(self, code: str, redirect_uri: str, proof: Proof) -> Tokens:
        """Return the tokens for a code."""
        more = {"code": code, "redirect_uri": redirect_uri, "code_verifier": proof.verifier}
        return self._tokens("authorization_code", more)

    def refresh(self, refresh_token: str) -> Tokens:
        """Return the next tokens. The refresh token works this once."""
        return self._tokens("refresh_token", {"refresh_token": refresh_token})

    def begin_device(self, scope: str) -> DeviceCodes:
        """Begin a sign-in that a person allows elsewhere."""
        data = self._post("device_authorization_endpoint", {"scope": scope})
        return self._checked(DeviceCodes, data)

    def poll(self, device_code: str) -> Tokens:
        """Ask whether they have."""
        return self._tokens(_DEVICE_GRANT, {"device_code": device_code})

    def revoke(self, token: str) -> None:
        """Make a token, and all that came from the same sign-in, worthless."""
        self._post("revocation_endpoint", {"token": token})

    def _tokens(self, grant_type: str, more: dict[str, str]) -> Tokens:
        asked = time.time()
        data = self._post("token_endpoint", {"grant_type": grant_type, **more})
        expires_in = data.get("expires_in")
        if not isinstance(expires_in, int | float):
            raise self._strange("a token that does not say when it expires")
        return self._checked(Tokens, {**data, "expires_at": asked + expires_in})

    def _post(self, address: str, fields: dict[str, str]) -> dict[str, Any]:
        return self._request("POST", self._address(address), {"client_id": CLIENT_ID, **fields})

    def _request(self, method: str, address: str, fields: dict[str, str] | None = None) -> dict[str, Any]:
        try:
            with httpx.Client(timeout=_TIMEOUT, **trust(self.url)) as http:
                response = http.request(method, address, data=fields, headers={"Accept": "application/json"})
            data = response.json()
        except httpx.HTTPError as error:
            raise ServiceUnavailable(f"Openbeam's service at {self.url} does not answer.", url=self.url) from error
        except ValueError as error:
            raise self._strange(f"HTTP {response.status_code} that is not JSON") from error
        if not isinstance(data, dict):
            raise self._strange("an answer that is not an object")
        if response.status_code == _TOO_MANY:
            raise TooMany(str(data.get("error_description")), retry_after=int(response.headers.get("Retry-After", 60)))
        if not response.is_success:
            raise Refusal(str(data.get("error")), str(data.get("error_description") or ""))
        return data

    def _checked(self, shape: type[Shape], data: dict[str, Any]) -> Shape:
        try:
            return shape.model_validate(data)
        except ValidationError as error:
            raise self._strange(str(error.errors()[0]["msg"])) from error

    def _strange(self, what: str) -> ServiceFault:
        return ServiceFault(f"What answers at {self.url} is no sign-in of Openbeam: {what}.", url=self.url)
