"""Getting a file's bytes from one place, through the faults that pass.

A broken connection is taken up where it broke. Waiting ends when several attempts in a row brought nothing new. A
server that hardly sends anything counts as broken.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import BinaryIO

import fsspec
import httpx
from openbeam.errors import DataUnavailable, OpenbeamError, ServiceTrouble
from openbeam.places import trust
from tenacity import RetryCallState, Retrying, retry_if_exception_type

from openbeam_datasets.landing import Landing
from openbeam_datasets.locate import HttpPlace, LocalPlace, Place, XRootDPlace

__all__ = ["fetch"]

PIECE = 1 << 20
ATTEMPTS = 4
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
WATCHED_SECONDS = 60.0
LEAST_IN_THEM = 500_000
"""Bytes. A school's class on one slow line gets more; a server that drips would keep everybody waiting for ever."""

_TIMEOUT = httpx.Timeout(30.0, connect=10.0)
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})

XROOTD_SECONDS = 30
# The server's own words for "not allowed" and "no such file".
_XROOTD_FINAL = ("[3010]", "[3011]")

# XRootD's own answers to a silent server are minutes away; these are seconds (its client reads them when imported).
_XROOTD = {
    "XRD_CONNECTIONWINDOW": "3",
    "XRD_CONNECTIONRETRY": "1",
    "XRD_REQUESTTIMEOUT": "30",
    "XRD_STREAMTIMEOUT": "15",
    "XRD_TIMEOUTRESOLUTION": "1",
}


class _Fault(Exception):
    """The place cannot serve the file."""


class _PassingFault(_Fault):
    """As ``_Fault``, but it may be otherwise in a moment. ``wait`` is how many seconds the server asked for."""

    def __init__(self, reason: str, wait: float = 0.0) -> None:
        super().__init__(reason)
        self.wait = wait


@dataclass(frozen=True)
class _Stream:
    """Bytes of a file from ``start`` on, and how many bytes the whole file has, when the source says so."""

    start: int
    pieces: Iterator[bytes]
    size: int | None


def fetch(place: Place, landing: Landing, *, attempts: int = ATTEMPTS) -> None:
    """Write the file at ``place`` into ``landing``, which checks it; bytes that are there already are not asked for.

    ``attempts`` in a row that bring nothing new are enough.

    Raises
    ------
    DataUnavailable
        When the place cannot be reached or does not have the file.
    ChecksumMismatch
        When it has more bytes than are on record.

    """
    retrying = Retrying(
        retry=retry_if_exception_type(_PassingFault), wait=_pause, stop=_no_progress(landing, attempts), reraise=True
    )
    try:
        retrying(_attempt, place, landing)
    except _Fault as fault:
        uri = landing.file.uri
        raise DataUnavailable(
            f"{uri} could not be had from {place}: {fault}. "
            "Check the network, or set OPENBEAM_OPENDATA_MIRROR to a copy of CERN Open Data.",
            uri=uri,
            place=str(place),
            reason=str(fault),
        ) from fault


def _attempt(place: Place, landing: Landing) -> None:
    if landing.complete:
        return
    with _opened(place, landing.written) as stream:
        if stream.size is not None:
            landing.expect(stream.size)
        if stream.start != landing.written:
            landing.rewind()
        for piece in _lively(stream.pieces):
            landing.write(piece)
    if not landing.complete:
        raise _PassingFault(f"it sent only {landing.written:,} of {landing.file.size:,} bytes")


def _lively(pieces: Iterator[bytes]) -> Iterator[bytes]:
    began, came = time.monotonic(), 0
    for piece in pieces:
        yield piece
        came += len(piece)
        if (now := time.monotonic()) > began + WATCHED_SECONDS:
            if came < LEAST_IN_THEM:
                raise _PassingFault(f"it sent only {came:,} bytes in {now - began:.0f} seconds")
            began, came = now, 0


def _no_progress(landing: Landing, attempts: int) -> Callable[[RetryCallState], bool]:
    most, idle = landing.written, 0

    def stop(_: RetryCallState) -> bool:
        nonlocal most, idle
        # A server that hands out a few bytes and hangs up would otherwise keep us here for ever.
        idle = 0 if landing.written >= most + PIECE else idle + 1
        most = max(most, landing.written)
        return idle >= attempts

    return stop


def _pause(state: RetryCallState) -> float:
    fault = state.outcome.exception() if state.outcome else None
    asked = fault.wait if isinstance(fault, _PassingFault) else 0.0
    doubled = FIRST_PAUSE * 2.0 ** min(state.attempt_number - 1, 4)
    return min(max(asked, doubled), LONGEST_PAUSE)


def _opened(place: Place, start: int) -> AbstractContextManager[_Stream]:
    match place:
        case LocalPlace(path):
            return _local(path, start)
        case HttpPlace():
            return _http(place, start)
        case XRootDPlace(url):
            return _xrootd(url, start)


def _pieces(source: BinaryIO, fault: type[_Fault]) -> Iterator[bytes]:
    # Caught here and not around the reader's block: there, an OSError is about the disk that is written to.
    while True:
        try:
            piece = source.read(PIECE)
        except OSError as error:
            raise fault(_words(error)) from error
        if not piece:
            return
        yield piece


def _words(error: OSError) -> str:
    return (error.strerror or str(error)).strip().rstrip(".")


@contextmanager
def _local(path: Path, start: int) -> Iterator[_Stream]:
    try:
        source = path.open("rb")
    except OSError as error:
        raise _Fault(_words(error)) from error
    with source:
        size = source.seek(0, os.SEEK_END)
        source.seek(start)
        yield _Stream(start, _pieces(source, _Fault), size)


@contextmanager
def _http(place: HttpPlace, start: int) -> Iterator[_Stream]:
    # Raw bytes are what the checksum is of, so no encoding is offered, and none undone.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    if place.token:
        headers["Authorization"] = f"Bearer {_token(place.token)}"
    try:
        with _client(place) as client, client.stream("GET", place.url, headers=headers) as response:
            _judge(response)
            begin = _range_start(response)
            yield _Stream(begin, response.iter_raw(), _whole_size(response, begin))
    except httpx.TransportError as error:
        raise _PassingFault(str(error) or type(error).__name__) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise _Fault(str(error)) from error


def _client(place: HttpPlace) -> httpx.Client:
    # A token goes to the service alone, wherever that may point.
    # A school's proxy leads to the world, not to this machine.
    onward = place.token is None
    return httpx.Client(timeout=_TIMEOUT, follow_redirects=onward, **trust(place.url, onward=onward))


def _token(token: Callable[[], str]) -> str:
    try:
        return token()
    except OpenbeamError as error:
        kind = _PassingFault if isinstance(error, ServiceTrouble) else _Fault
        raise kind(str(error).rstrip(".")) from error


def _judge(response: httpx.Response) -> None:
    if response.is_success:
        return
    reason = f"the server answered {response.status_code} {response.reason_phrase}".rstrip()
    if response.status_code not in _PASSING:
        raise _Fault(reason)
    wait = response.headers.get("Retry-After", "")
    raise _PassingFault(reason, float(wait) if wait.isdecimal() else 0.0)


def _range_start(response: httpx.Response) -> int:
    if response.status_code != HTTPStatus.PARTIAL_CONTENT:
        return 0
    digits = response.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
    if not digits.isdecimal():
        raise _Fault("the server sent a part of the file without saying which")
    return int(digits)


def _whole_size(response: httpx.Response, begin: int) -> int | None:
    length = response.headers.get("Content-Length", "")
    return begin + int(length) if length.isdecimal() else None


@contextmanager
def _xrootd(url: str, start: int) -> Iterator[_Stream]:
    for name, value in _XROOTD.items():
        os.environ.setdefault(name, value)
    try:
        source = fsspec.open(url, "rb", locate_all_sources=False, timeout=XROOTD_SECONDS).open()
    except ImportError as error:
        raise _Fault("reading root:// needs the Python package fsspec-xrootd, which is not installed here") from error
    except OSError as error:
        words = _words(error)
        final = any(code in words for code in _XROOTD_FINAL)
        raise (_Fault if final else _PassingFault)(words) from error
    with source:
        source.seek(start)
        yield _Stream(start, _pieces(source, _PassingFault), source.size)
