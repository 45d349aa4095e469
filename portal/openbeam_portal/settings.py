"""What the portal takes from outside: addresses from the environment, secrets from the data directory."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from openbeam.errors import InvalidInput
from openbeam.home import DEFAULT_PORTAL_URL, DEFAULT_URL, Home

__all__ = ["Settings"]

_DEFAULT_PORT = 8601
_SCHEMES = ("http", "https")


@dataclass(frozen=True)
class Settings:
    """Settings of the portal. Addresses have defaults that work on one machine."""

    service_url: str
    """Public URL of the service, and the issuer that people sign in with (``OPENBEAM_URL``)."""
    portal_url: str
    """Public URL of the portal (``OPENBEAM_PORTAL_URL``)."""
    bind: str | None
    """``host:port`` to listen on, where that is not in the URL: behind a proxy (``OPENBEAM_PORTAL_BIND``)."""
    client_secret: str
    """What the portal shows the issuer."""
    cookie_secret: str
    """Signs the cookie of a signed-in person."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str] = os.environ, home: Home | None = None) -> Settings:
        """Read the settings.

        Raises
        ------
        InvalidInput
            When an address is none, or ``openbeam-service init`` has not made the secrets yet.

        """
        keys = (home or Home.from_env()).keys
        return cls(
            service_url=_origin("OPENBEAM_URL", environ.get("OPENBEAM_URL") or DEFAULT_URL),
            portal_url=_origin("OPENBEAM_PORTAL_URL", environ.get("OPENBEAM_PORTAL_URL") or DEFAULT_PORTAL_URL),
            bind=environ.get("OPENBEAM_PORTAL_BIND") or None,
            client_secret=_secret(keys / "portal-client.secret"),
            cookie_secret=_secret(keys / "cookie.secret"),
        )

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on: ``bind``, else those of an ``http://`` URL, else this machine's port 8601."""
        text = self.bind or (self.portal_url if self.portal_url.startswith("http:") else f"127.0.0.1:{_DEFAULT_PORT}")
        parts = urlsplit(text if "://" in text else f"//{text}")
        try:
            return parts.hostname or "127.0.0.1", parts.port or _DEFAULT_PORT
        except ValueError as error:
            raise InvalidInput(
                f"{text!r} is no address to listen on: {error}. Write it like 127.0.0.1:8601."
            ) from error


def _origin(name: str, value: str) -> str:
    parts = urlsplit(value.strip())
    if parts.scheme not in _SCHEMES or not parts.hostname or parts.path.strip("/") or parts.query:
        raise InvalidInput(f"{name} must look like {DEFAULT_PORTAL_URL}, without a path; it is {value!r}.", field=name)
    return f"{parts.scheme}://{parts.netloc}"


def _secret(path: Path) -> str:
    try:
        secret = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidInput(
            f"The portal's secret {path.name} cannot be read in {path.parent}. Run `openbeam-service init` first.",
            field=path.name,
        ) from error
    if not secret:
        raise InvalidInput(f"The portal's secret {path} is empty. Remove it and run `openbeam-service init`.")
    return secret
