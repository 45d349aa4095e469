"""HTTP to the service: three calls, all outbound."""

from __future__ import annotations

from typing import Final

import httpx
from joserfc.jwk import ECKey
from openbeam.errors import OpenbeamError, ServiceFault, ServiceUnavailable, from_json
from openbeam.models import HostOrders, HostReport, ManagedKey, Model, OrdersRequest
from openbeam.places import trust
from pydantic import ValidationError

from openbeam_endpoint.identity import Tokens

__all__ = ["HostLink"]

_API: Final = "/api/v1/host"
_SECONDS: Final = 15.0
_IDLE_SECONDS: Final = 3.0
_SCOPE: Final = "endpoint:host"


class HostLink:
    """The host agent's way to the service. May be used from every thread.

    Every call may raise ``ServiceTrouble`` (ask again), and ``NotSignedIn`` or ``NotAllowed`` (asking again is vain).
    """

    def __init__(self, url: str, host_id: str, key: ECKey) -> None:
        self.url = url
        self._tokens = Tokens(url, host_id, key, scope=_SCOPE)
        # uvicorn ends an idle connection after five seconds; a request that meets that end would fail.
        limits = httpx.Limits(keepalive_expiry=_IDLE_SECONDS)
        self._http = httpx.Client(base_url=url + _API, limits=limits, **trust(url))

    def sign_in(self) -> None:
        """Get a token, so that a refusal is known at once."""
        self._tokens.get()

    def orders(self, known: int, wait: float) -> HostOrders:
        """Return what shall run, as soon as that is another generation, or after ``wait`` seconds."""
        answer = self._post("/orders", OrdersRequest(known=known, wait=wait), wait + _SECONDS)
        try:
            return HostOrders.model_validate_json(answer.content)
        except ValidationError as error:
            raise ServiceFault(f"{self.url} did not answer as an Openbeam service does.", url=self.url) from error

    def report(self, told: HostReport) -> None:
        """Tell what there is."""
        self._post("/report", told, _SECONDS)

    def give_key(self, endpoint_id: str, key: dict[str, str]) -> None:
        """Hand in the public key of an endpoint."""
        self._post(f"/endpoints/{endpoint_id}/key", ManagedKey(key=key), _SECONDS)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _post(self, path: str, body: Model, seconds: float) -> httpx.Response:
        answer = self._once(path, body, seconds)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # The token is too old, or the key was taken back: a new one is either good, or refused for a reason.
            answer = self._once(path, body, seconds)
        if not answer.is_success:
            raise _error(answer)
        return answer

    def _once(self, path: str, body: Model, seconds: float) -> httpx.Response:
        token = self._tokens.get()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        content = body.model_dump_json().encode()
        try:
            answer = self._http.post(path, content=content, headers=headers, timeout=seconds)
        except httpx.HTTPError as error:
            raise ServiceUnavailable(f"The service at {self.url} cannot be reached.", url=self.url) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.drop(token)
        return answer


def _error(answer: httpx.Response) -> OpenbeamError:
    try:
        return from_json(answer.json()["error"])
    except (ValueError, LookupError, TypeError, AttributeError):
        where, status = answer.request.url, answer.status_code
        return ServiceFault(f"{where} answered with status {status}.", status=status)
