"""From a file's address on record to the places where its bytes can be had.

========================================  ============================================================================
``root://eospublic.cern.ch//eos/PATH``    the mirrors when there are any (folders, ``http(s)://…`` or ``root://…``, to
                                          which ``/eos/PATH`` is appended; ``cern`` among them is CERN itself), else
                                          CERN's web server, then its XRootD server
``pypi://DISTRIBUTION/PATH``              a file of an installed Python package
``openbeam://files/KEY``                  a file that somebody uploaded to the service
========================================  ============================================================================

Anybody who may publish a dataset chooses its addresses, so nothing else is looked at: no local paths, no other hosts,
and no path that climbs out of its root.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from urllib.parse import quote

from openbeam.errors import DataUnavailable
from openbeam.models import FILE_KEY

__all__ = ["HttpPlace", "LocalPlace", "Place", "ServiceFiles", "XRootDPlace", "places"]

CERN = ("https://opendata.cern.ch", "root://eospublic.cern.ch")
"""The web server first: a school's firewall lets it through."""

# Every address of the 3,505 in CERN Open Data's records that were looked at is spelt with these characters.
# No part may be "." or "..".
_PATH = r"(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~+=,@-]+)+"
_EOS = re.compile(rf"root://eospublic\.cern\.ch(?::1094)?/(/eos{_PATH})")
_PYPI = re.compile(rf"pypi://([A-Za-z0-9][A-Za-z0-9._-]*)({_PATH})")
_STORED = re.compile(r"openbeam://files/([^/]*)")
_MIRROR_URL = re.compile(r"(https?|root)://[^/?#\s]+(?:/[^?#\s]*)?")


@dataclass(frozen=True)
class LocalPlace:
    """A file on this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)


@dataclass(frozen=True)
class HttpPlace:
    """A file behind HTTP; ``token`` gives the bearer token, asked for anew at each request."""

    url: str
    token: Callable[[], str] | None = None

    def __str__(self) -> str:
        return self.url


@dataclass(frozen=True)
class XRootDPlace:
    """A file on an XRootD server."""

    url: str

    def __str__(self) -> str:
        return self.url


Place = LocalPlace | HttpPlace | XRootDPlace


@dataclass(frozen=True)
class ServiceFiles:
    """Openbeam's service as a source of uploaded files: its public URL, and a callable that gives a bearer token."""

    url: str
    token: Callable[[], str]


def places(uri: str, *, mirror: str | None = None, service: ServiceFiles | None = None) -> list[Place]:
    """Return the places of a file, the first one to be tried first.

    Raises
    ------
    DataUnavailable
        When the address is of no known kind, or nothing here can serve it.

    """
    if match := _EOS.fullmatch(uri):
        return [_mirrored(match[1], one, uri) for one in _mirrors(mirror)]
    if match := _PYPI.fullmatch(uri):
        return [_packaged(match[1], match[2].removeprefix("/"), uri)]
    if match := _STORED.fullmatch(uri):
        return [_stored(match[1], service, uri)]
    raise _refused(
        uri, "a file is at root://eospublic.cern.ch//eos/…, pypi://DISTRIBUTION/PATH or openbeam://files/KEY"
    )


def _refused(uri: str, reason: str) -> DataUnavailable:
    return DataUnavailable(f"{uri!r} is not an address that data are fetched from: {reason}.", uri=uri)


def _mirrors(mirror: str | None) -> list[str]:
    wanted = [one.strip() for one in (mirror or "").split(",") if one.strip()]
    return [place for one in wanted or ["cern"] for place in (CERN if one == "cern" else (one,))]


def _mirrored(path: str, mirror: str, uri: str) -> Place:
    if "://" not in mirror:
        return LocalPlace(Path(mirror).expanduser() / path.removeprefix("/"))
    if not _MIRROR_URL.fullmatch(mirror):
        raise DataUnavailable(
            f"OPENBEAM_OPENDATA_MIRROR names {mirror!r}; a mirror is a folder, http(s)://…, root://… or cern.",
            uri=uri,
            mirror=mirror,
        )
    scheme, _, rest = mirror.rstrip("/").partition("://")
    if scheme != "root":
        return HttpPlace(f"{scheme}://{rest}{quote(path)}")
    host, _, prefix = rest.partition("/")
    # XRootD writes an absolute path after the host's own slash: two in a row.
    above = f"/{prefix.strip('/')}" if prefix.strip("/") else ""
    return XRootDPlace(f"root://{host}/{above}{path}")


def _packaged(distribution: str, path: str, uri: str) -> Place:
    try:
        listed = metadata.files(distribution) or []
    except metadata.PackageNotFoundError as error:
        raise DataUnavailable(
            f"{uri} is a file of the Python package {distribution}, which is not installed here. "
            f"Install it: pip install {distribution}",
            uri=uri,
        ) from error
    # Only files that the package lists as its own: its folder holds other packages too.
    for file in listed:
        if file.as_posix() == path:
            return LocalPlace(Path(str(file.locate())))
    raise DataUnavailable(f"The Python package {distribution} has no file {path}. Check the address.", uri=uri)


def _stored(key: str, service: ServiceFiles | None, uri: str) -> Place:
    if not FILE_KEY.fullmatch(key):
        raise _refused(uri, "KEY is the SHA-256 of an uploaded file, 64 characters of 0-9 and a-f")
    if service is None:
        raise DataUnavailable(f"{uri} is kept by Openbeam's service, and no service is known here.", uri=uri)
    return HttpPlace(f"{service.url.rstrip('/')}/api/v1/files/{key}", service.token)
