"""HTTP to the service: four calls, all outbound, and one line in the log when the service goes away or comes back."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TypeVar

import httpx
import structlog
from openbeam.errors import (
    NotKnown,
    OpenbeamError,
    ServiceFault,
    ServiceTrouble,
    ServiceUnavailable,
    TooMany,
    from_json,
)
from openbeam.models import (
    EnvironmentReport,
    LeaseReply,
    LeaseRequest,
    Model,
    OutputGrant,
    OutputRequest,
    RenewReply,
    RenewRequest,
    ResultsReply,
    ResultsRequest,
    SealingKey,
    StopsReply,
    StopsRequest,
)
from openbeam.places import trust
from pydantic import ValidationError
from tenacity import AsyncRetrying, retry_if_exception, wait_exponential_jitter

from openbeam_endpoint.identity import Tokens

__all__ = ["Link", "is_passing", "patiently"]

R = TypeVar("R", bound=Model)

log = structlog.get_logger()

_API: Final = "/api/v1/agent"
_LEASE: Final = "/lease"
_SECONDS: Final = 10.0
_RENEW_SECONDS: Final = 4.0
_RESULTS_SECONDS: Final = 60.0
# uvicorn ends an idle connection after five seconds; a request that meets that end would fail.
_IDLE_SECONDS: Final = 3.0


def is_passing(error: BaseException) -> bool:
    """Tell whether asking again later may help. A 404 is a proxy that does not see the service yet."""
    return isinstance(error, ServiceTrouble | TooMany | NotKnown)


def patiently() -> AsyncRetrying:
    """Return what asks again, for as long as it takes, a few seconds apart at most."""
    return AsyncRetrying(
        retry=retry_if_exception(is_passing),
        wait=wait_exponential_jitter(multiplier=0.1, max=3, jitter=0.3),
        reraise=True,
    )


class Link:
    """The agent's way to the service.

    Every call may raise ``ServiceTrouble`` (ask again), and ``NotSignedIn`` or ``NotAllowed`` (asking again is vain).
    """

    def __init__(self, url: str, tokens: Tokens) -> None:
        self._url = url
        self._tokens = tokens
        self._away = ""
        self._http = httpx.AsyncClient(
            base_url=url + _API, limits=httpx.Limits(keepalive_expiry=_IDLE_SECONDS), **trust(url)
        )

    async def lease(self, request: LeaseRequest) -> LeaseReply:
        """Wait for work, up to ``request.wait`` seconds."""
        return await self._post(_LEASE, request, LeaseReply, request.wait + _SECONDS)

    async def renew(self, request: RenewRequest) -> RenewReply:
        """Renew leases and learn which tasks to stop."""
        return await self._post("/renew", request, RenewReply, _RENEW_SECONDS)

    async def stops(self, request: StopsRequest) -> bool:
        """Wait up to ``request.wait`` seconds for a task to be stopped; return whether there is one."""
        return (await self._post("/stops", request, StopsReply, request.wait + _SECONDS)).stop

    async def results(self, request: ResultsRequest) -> ResultsReply:
        """Hand in outcomes and learn which of them counted."""
        return await self._post("/results", request, ResultsReply, _RESULTS_SECONDS)

    async def outputs(self, request: OutputRequest) -> OutputGrant:
        """Ask whose a task's outputs are, and for the credential that it names."""
        return await self._post("/outputs", request, OutputGrant, _SECONDS)

    async def tell_environment(self, report: EnvironmentReport) -> None:
        """Tell what the engine has installed."""
        await self._tell("/environment", report)

    async def tell_sealing_key(self, key: SealingKey) -> None:
        """Tell to which key credentials are sealed."""
        await self._tell("/sealing-key", key)

    async def _tell(self, path: str, body: Model) -> None:
        with self._noted(path):
            answer = await self._send(path, body.model_dump_json().encode(), _SECONDS)
            if not answer.is_success:
                raise _error(answer)

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def sign_in(self) -> None:
        """Get a token, so that a refusal is known before anything else starts."""
        with self._noted("/oauth/token"):
            await self._token()

    async def _post(self, path: str, body: Model, shape: type[R], seconds: float) -> R:
        with self._noted(path):
            answer = await self._send(path, body.model_dump_json().encode(), seconds)
            if not answer.is_success:
                raise _error(answer)
            try:
                return shape.model_validate_json(answer.content)
            except ValidationError as error:
                raise ServiceFault(f"{self._url} did not answer as an Openbeam service does.", url=self._url) from error

    @contextmanager
    def _noted(self, path: str) -> Iterator[None]:
        """Log the first failure that may pass, and its end: the next success of the same call, or a lease."""
        try:
            yield
        except OpenbeamError as error:
            if is_passing(error) and not self._away:
                self._away = path
                log.warning("the service does not answer, trying again", reason=error.message)
            raise
        if self._away and path in {self._away, _LEASE}:
            self._away = ""
            log.info("the service answers again", url=self._url)

    async def _send(self, path: str, content: bytes, seconds: float) -> httpx.Response:
        answer = await self._once(path, content, seconds)
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            # The token was revoked or its key was replaced: a new one is either good, or refused for a reason.
            answer = await self._once(path, content, seconds)
        return answer

    async def _once(self, path: str, content: bytes, seconds: float) -> httpx.Response:
        token = await self._token()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        try:
            answer = await self._http.post(path, content=content, headers=headers, timeout=seconds)
        except httpx.HTTPError as error:
            raise ServiceUnavailable(f"The service at {self._url} cannot be reached.", url=self._url) from error
        if answer.status_code == httpx.codes.UNAUTHORIZED:
            self._tokens.drop(token)
        return answer

    async def _token(self) -> str:
        return self._tokens.get() if self._tokens.fresh else await asyncio.to_thread(self._tokens.get)


def _error(answer: httpx.Response) -> OpenbeamError:
    try:
        error = from_json(answer.json()["error"])
    except (ValueError, LookupError, TypeError, AttributeError):
        return ServiceFault(
            f"{answer.request.url} answered with status {answer.status_code}.", status=answer.status_code
        )
    # A proxy or a service of another version may know other words; the status says whether asking again may help.
    if answer.is_server_error and not isinstance(error, ServiceTrouble):
        return ServiceFault(error.message, status=answer.status_code)
    return error
