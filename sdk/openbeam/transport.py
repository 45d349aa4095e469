"""One request, one checked answer: the wire under ``Client``.

Every answer is either the shape that was asked for or an error of ``openbeam.errors``; nothing of httpx gets out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias, TypeVar

import httpx
from pydantic import BaseModel, TypeAdapter, ValidationError

from openbeam import __version__
from openbeam.again import through_breaks, when_asked_to_wait
from openbeam.checks import error_of, json_bytes
from openbeam.errors import OpenbeamError, ServiceFault, ServiceUnavailable
from openbeam.login import Bearer, find_token
from openbeam.models import MAX_WAIT
from openbeam.patience import Patience
from openbeam.places import service_url, trust
from openbeam.session import Session

__all__ = ["LIMITS_PATIENCE", "Transport", "poll"]

T = TypeVar("T")
Body: TypeAlias = BaseModel | Mapping[str, Any] | bytes
"""What becomes JSON, or is JSON already."""

API = "/api/v1"
LIMITS_PATIENCE: Final = 60.0

_SHORTEST_POLL = 0.1


def poll(ask: Callable[[float], T], done: Callable[[T], bool], timeout: float | None) -> T:
    """Return what ``ask(wait)`` answers once ``done``, or its last answer after ``timeout`` seconds (None: never).

    A service that goes away meanwhile is waited for. Raises as ``ask`` does when it stays away.
    """
    end = float("inf") if timeout is None else time.monotonic() + timeout
    patience = Patience()
    while True:
        asked = time.monotonic()
        try:
            answer = ask(min(max(end - asked, 0.0), MAX_WAIT))
        except OpenbeamError as error:
            pause = patience.pause(error)
            if time.monotonic() + pause > end:
                raise
            time.sleep(pause)
            continue
        patience.well()
        now = time.monotonic()
        if done(answer) or now >= end:
            return answer
        # A service that does not hold the answer is asked ten times a second at most.
        time.sleep(min(max(_SHORTEST_POLL - (now - asked), 0.0), end - now))


def _content(body: Body) -> bytes:
    if isinstance(body, bytes):
        return body
    return json_bytes(body.model_dump() if isinstance(body, BaseModel) else body)


class Transport:
    """An HTTP connection to one service, with the caller's token.

    A request that the service puts off is sent again, for up to ``patience`` seconds.
    """

    def __init__(
        self, url: str | None, token: str | Session | None, timeout: float, patience: float = LIMITS_PATIENCE
    ) -> None:
        self.url = service_url(url)
        self.timeout = timeout
        self._through_breaks = through_breaks()
        self._patiently = when_asked_to_wait(patience)
        found = find_token(token, self.url)
        self._http = httpx.Client(
            base_url=self.url,
            headers={"User-Agent": f"openbeam/{__version__}", "Accept": "application/json"},
            auth=Bearer(found) if found else None,
            timeout=timeout,
            **trust(self.url),
        )

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def get(self, shape: type[T], path: str, *, wait: float = 0.0, **query: Any) -> T:
        """Return the answer to a GET as ``shape``; ``wait`` is how many seconds the service may think about it."""
        known = {name: value for name, value in query.items() if value is not None}
        if wait:
            known["wait"] = wait
        request = {"params": known, "timeout": self.timeout + wait}
        return self._read(shape, self._through_breaks(self._patiently, self._send, "GET", path, **request))

    def post(self, shape: type[T], path: str, body: Body, *, patient: bool = True) -> T:
        """Return the answer to a POST of JSON as ``shape``; without ``patient`` it is not sent again."""
        return self._write("POST", shape, path, body, patient=patient)

    def patch(self, shape: type[T], path: str, body: Body) -> T:
        """Return the answer to a PATCH of JSON as ``shape``."""
        return self._write("PATCH", shape, path, body)

    def put(self, shape: type[T], path: str, body: Body) -> T:
        """Return the answer to a PUT of JSON as ``shape``."""
        return self._write("PUT", shape, path, body)

    def delete(self, path: str) -> None:
        """Send a DELETE, and leave what it answers."""
        response = self._patiently(self._send, "DELETE", path)
        if not response.is_success:
            raise self._error(response)

    def post_stream(self, shape: type[T], path: str, chunks: Iterator[bytes], size: int) -> T:
        """Return the answer to a POST of ``size`` raw bytes as ``shape``."""
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        return self._read(shape, self._send("POST", path, content=chunks, headers=headers))

    @contextmanager
    def stream(
        self,
        path: str,
        *,
        accept: str,
        read_timeout: float,
        headers: Mapping[str, str],
        query: Mapping[str, Any] | None = None,
    ) -> Iterator[httpx.Response]:
        """Open an answer that comes piece by piece. Errors of the connection are httpx's: the reader reconnects."""
        timeout = httpx.Timeout(self.timeout, read=read_timeout)
        wanted = {**headers, "Accept": accept}
        with self._http.stream("GET", API + path, params=query, headers=wanted, timeout=timeout) as response:
            if not response.is_success:
                response.read()
                raise self._error(response)
            kind = response.headers.get("Content-Type", "")
            if not kind.startswith(accept):
                raise self._strange(f"{kind or 'something'} instead of {accept}")
            yield response

    def unavailable(self) -> ServiceUnavailable:
        """Build the error for a service that does not answer."""
        return ServiceUnavailable(
            f"Openbeam's service at {self.url} does not answer. Start it with `make up`, or set OPENBEAM_URL.",
            url=self.url,
        )

    def _write(self, method: str, shape: type[T], path: str, body: Body, *, patient: bool = True) -> T:
        wanted = {"content": _content(body), "headers": {"Content-Type": "application/json"}}
        if not patient:
            return self._read(shape, self._send(method, path, **wanted))
        return self._read(shape, self._patiently(self._send, method, path, **wanted))

    def _send(self, method: str, path: str, **request: Any) -> httpx.Response:
        try:
            return self._http.request(method, API + path, **request)
        except httpx.TimeoutException as error:
            raise self._timed_out(error) from error
        except httpx.TransportError as error:
            raise self.unavailable() from error
        except httpx.HTTPError as error:
            raise self._strange(str(error)) from error

    def _timed_out(self, error: httpx.TimeoutException) -> ServiceUnavailable:
        if isinstance(error, httpx.ConnectTimeout):
            return self.unavailable()
        return ServiceUnavailable(
            f"Openbeam's service at {self.url} took longer than {self.timeout:g} s to answer. Try again later.",
            url=self.url,
        )

    def _strange(self, what: str, **details: Any) -> ServiceFault:
        return ServiceFault(
            f"What answers at {self.url} does not speak Openbeam: {what}. Check OPENBEAM_URL.",
            url=self.url,
            **details,
        )

    def _read(self, shape: type[T], response: httpx.Response) -> T:
        if not response.is_success:
            raise self._error(response)
        try:
            return TypeAdapter(shape).validate_json(response.content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self._strange(f"{where or 'the answer'}: {first['msg']}", status=response.status_code) from error

    def _error(self, response: httpx.Response) -> OpenbeamError:
        try:
            data = response.json()["error"]
            return error_of(str(data["kind"]), str(data["message"]), data.get("details"))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return self._strange(f"HTTP {response.status_code} without a reason", status=response.status_code)
