"""What others reach over the network: the service, the portal, and the certificate that they meet."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from openbeam.places import is_loopback
from pydantic import ValidationError

from openbeam_service.doctor.findings import Finding, bad, ok, warn
from openbeam_service.faults import Problem
from openbeam_service.health import Alive
from openbeam_service.settings import Settings

__all__ = ["check_certificate", "check_portal", "check_service"]

_SECONDS: Final = 5.0
_RENEW: Final = timedelta(days=14)


def _asked(url: str) -> httpx.Response | str:
    """Return an answer, or why there is none."""
    try:
        # This machine's proxy leads to the world; what is looked at here is reached without it.
        return httpx.get(url, timeout=_SECONDS, trust_env=False)
    except httpx.HTTPError as error:
        return str(error) or type(error).__name__


def check_service(settings: Settings) -> Iterator[Finding]:
    """Ask the service as its clients do; when it does not run, look whether it could."""
    answer = _asked(f"{settings.url}/api/v1/health")
    yield _judged(settings, answer) if isinstance(answer, httpx.Response) else _not_running(settings, answer)


def _judged(settings: Settings, answer: httpx.Response) -> Finding:
    with suppress(ValidationError):
        if answer.is_success:
            Alive.model_validate_json(answer.content)
            return ok("service", f"{settings.url} is well")
        problem = Problem.model_validate_json(answer.content)
        return bad("service", problem.error.message, "The lines above and the log say more.")
    return bad("service", f"something else answers at {settings.url}", "Look at OPENBEAM_URL and the proxy.")


def _not_running(settings: Settings, reason: str) -> Finding:
    host, port = settings.address
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            said = f"{host}:{port}: {error.strerror}; {settings.url}: {reason}"
            return bad("service", said, "Look what runs there.")
    return warn("service", "it does not run", "Start it: `openbeam-service serve`.")


def check_portal(settings: Settings) -> Iterator[Finding]:
    """Ask the portal."""
    answer = _asked(settings.portal_url)
    if isinstance(answer, str) or answer.is_server_error:
        reason = answer if isinstance(answer, str) else str(answer.status_code)
        yield warn("portal", f"{settings.portal_url}: {reason}", "Start it: `openbeam-portal`.")
    else:
        yield ok("portal", f"{settings.portal_url} answers")


def check_certificate(settings: Settings) -> Iterator[Finding]:
    """Look at the certificate that clients meet; and that nobody meets the service without one."""
    host, _ = settings.address
    if not settings.url.startswith("https:"):
        if is_loopback(host):
            yield ok("tls", "not needed: only this machine reaches the service")
        else:
            yield bad("tls", f"the service listens on {host} without TLS", "Bind it to 127.0.0.1, behind a proxy.")
        return
    parts = urlsplit(settings.url)
    where = (parts.hostname or "", parts.port or 443)
    try:
        with (
            socket.create_connection(where, _SECONDS) as plain,
            ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname) as secure,
        ):
            certificate: dict[str, Any] = secure.getpeercert() or {}
    except (OSError, ssl.SSLError) as error:
        yield bad("tls", f"{parts.netloc}: {error}", "Look at the proxy and its certificate.")
        return
    left = timedelta(seconds=ssl.cert_time_to_seconds(certificate["notAfter"]) - time.time())
    if left < _RENEW:
        yield warn("tls", f"the certificate ends in {left.days} days", "Renew it.")
    else:
        yield ok("tls", f"the certificate is good for {left.days} days")
