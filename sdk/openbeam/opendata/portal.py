"""Questions to CERN Open Data's portal: each answer is bounded in size and time, and checked before it is used."""

from __future__ import annotations

import os
import time
from typing import Final, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import TypeAdapter, ValidationError

from openbeam import __version__
from openbeam.errors import InvalidInput, OpenDataTrouble, UnknownRecord
from openbeam.opendata.record import Hits, IndexedFiles, Listed, Record, RecordAnswer
from openbeam.opendata.reference import doi_of, number_of
from openbeam.places import trust

__all__ = ["CERN", "Portal"]

T = TypeVar("T")

CERN: Final = "https://opendata.cern.ch"
LARGEST: Final = 32 * 1024 * 1024
"""Bytes of one answer: 700 for each file of the record that has most, 45,571."""
SECONDS: Final = 60.0
"""For all questions about one record."""

_A_QUESTION: Final = httpx.Timeout(20.0, connect=10.0)
_REDIRECTS: Final = 3
_MISSING: Final = frozenset({404, 410})


class Portal:
    """A connection to one portal, for the questions about one record.

    ``url`` is the one given, else ``OPENBEAM_OPENDATA_API``, else CERN's.

    Raises
    ------
    InvalidInput
        When that is not the address of a web server.

    """

    def __init__(self, url: str | None = None) -> None:
        self.url = _origin(url or os.environ.get("OPENBEAM_OPENDATA_API") or CERN)
        self._end = time.monotonic() + SECONDS
        self._http = httpx.Client(
            # What is packed may be any size once unpacked, so nothing packed is asked for.
            headers={"User-Agent": f"openbeam/{__version__}", "Accept-Encoding": "identity"},
            timeout=_A_QUESTION,
            **trust(self.url),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def record(self, reference: str) -> Record:
        """Return a record by its number or DOI.

        Raises
        ------
        InvalidInput
            When the reference is neither.
        UnknownRecord
            When there is no such record.
        OpenDataTrouble
            When the portal does not answer, or not with a record.

        """
        number = number_of(reference) or self._number_by_doi(doi_of(reference))
        answer = self._ask(RecordAnswer, f"/api/records/{number}", f"record {number}")
        if answer.metadata.recid != number:
            raise self._trouble(f"answered with record {answer.metadata.recid} when it was asked for {number}")
        return answer.metadata

    def listed_in(self, index: Listed, path: str) -> list[Listed]:
        """Return the files that an index lists; ``path`` is its own, ``/eos/…``.

        Its checksum is not compared: in CERN's records that of the text form stands for both forms.

        Raises
        ------
        OpenDataTrouble
            When the portal does not answer, or not with an index.

        """
        try:
            return self._ask(IndexedFiles, quote(path), f"index {index.name}")
        except UnknownRecord as error:
            raise self._trouble(f"does not have the index {index.name} that its record lists") from error

    def _number_by_doi(self, doi: str) -> str:
        query = quote(f'doi:"{doi}"', safe="")
        found = self._ask(Hits, f"/api/records?page=1&size=1&q={query}", f"record with the DOI {doi}").hits.hits
        # A search may find what is only like it.
        if not found or found[0].metadata.doi.lower() != doi.lower():
            raise _unknown(f"record with the DOI {doi}")
        return found[0].id

    def _ask(self, shape: type[T], path: str, what: str) -> T:
        content = self._content(path, what)
        try:
            return TypeAdapter(shape).validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise self._trouble(f"did not answer with a {what}: {where or 'the answer'}: {first['msg']}") from error

    def _content(self, path: str, what: str) -> bytes:
        url = self.url + path
        try:
            for _ in range(_REDIRECTS + 1):
                with self._http.stream("GET", url) as response:
                    if not response.has_redirect_location:
                        return self._body(response, what)
                    url = self._next(response)
        except httpx.TimeoutException as error:
            raise self._trouble("took too long to answer") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._trouble(f"does not answer ({error or type(error).__name__})") from error
        raise self._trouble("leads round in circles")

    def _next(self, response: httpx.Response) -> str:
        target = response.url.join(response.headers["Location"])
        if (target.scheme, target.netloc) != (response.url.scheme, response.url.netloc):
            raise self._trouble(f"leads to another place, {target.host}")
        return str(target)

    def _body(self, response: httpx.Response, what: str) -> bytes:
        if response.status_code in _MISSING:
            raise _unknown(what)
        if not response.is_success:
            raise self._trouble(f"answered {response.status_code} {response.reason_phrase}".rstrip())
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise self._trouble("packed its answer, which was not asked for")
        body = bytearray()
        for piece in response.iter_raw():
            body += piece
            if len(body) > LARGEST:
                raise self._trouble(f"answered with more than {LARGEST:,} bytes")
            if time.monotonic() > self._end:
                raise self._trouble(f"took longer than {SECONDS:g} s to answer")
        return bytes(body)

    def _trouble(self, what: str) -> OpenDataTrouble:
        return OpenDataTrouble(
            f"CERN Open Data at {self.url} {what}. Try again later, or set OPENBEAM_OPENDATA_API.", url=self.url
        )


def _unknown(what: str) -> UnknownRecord:
    return UnknownRecord(f"CERN Open Data has no {what}. Look it up at {CERN}/search.", name=what)


def _origin(url: str) -> str:
    try:
        parsed = httpx.URL(url.strip().rstrip("/"))
    except httpx.InvalidURL as error:
        raise InvalidInput(f"{url!r} is not a URL: {error}.", field="OPENBEAM_OPENDATA_API") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.userinfo or parsed.query:
        raise InvalidInput(
            f"{url!r} is not the address of CERN Open Data or a mirror of it. Write it like {CERN}.",
            field="OPENBEAM_OPENDATA_API",
        )
    return str(parsed)
