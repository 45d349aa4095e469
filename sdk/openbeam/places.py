"""Which service is meant, and how it is reached."""

from __future__ import annotations

import ipaddress
import os
import ssl
from functools import cache
from typing import TypedDict

import httpx

from openbeam.errors import InvalidInput
from openbeam.home import DEFAULT_URL

__all__ = ["Trust", "is_loopback", "service_url", "trust", "trusts_environment"]


def service_url(url: str | None = None) -> str:
    """Return the URL of the service that is meant: the one given, else ``OPENBEAM_URL``, else this machine's.

    Raises
    ------
    InvalidInput
        When that is not the URL of a service.

    """
    text = (url or os.environ.get("OPENBEAM_URL") or DEFAULT_URL).strip().rstrip("/")
    try:
        parsed = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise InvalidInput(f"{text!r} is not a URL: {error}.", field="url") from error
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise InvalidInput(f"{text!r} is not the URL of a service. Write it like {DEFAULT_URL}.", field="url")
    return str(parsed)


def trusts_environment(url: str) -> bool:
    """Tell whether the proxies that the environment names may be used: a school's leads to the world, not to itself."""
    return not is_loopback(httpx.URL(url).host)


class Trust(TypedDict):
    """What an HTTP client trusts."""

    trust_env: bool
    verify: ssl.SSLContext


def trust(url: str, *, onward: bool = False) -> Trust:
    """Return what a client of a server trusts; with ``onward``, wherever that one may lead."""
    is_elsewhere = trusts_environment(url)
    # A server without certificates needs none checked: what is made here would let nobody pass.
    needs_none = not (is_elsewhere or onward) and httpx.URL(url).scheme == "http"
    verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if needs_none else _certificates()
    return {"trust_env": is_elsewhere, "verify": verify}


@cache
def _certificates() -> ssl.SSLContext:
    # Made once: to read all that a machine trusts takes 20 ms.
    return httpx.create_ssl_context()


def is_loopback(host: str) -> bool:
    """Tell whether a host's name or address is this machine's for itself alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
