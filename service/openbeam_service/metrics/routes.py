"""``/metrics``: for Prometheus, and for nobody else."""

from __future__ import annotations

import ipaddress
from secrets import compare_digest

from fastapi import APIRouter, Request, Response
from openbeam.errors import NotKnown, NotSignedIn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from openbeam_service.limits import address_of

__all__ = ["router"]

router = APIRouter(include_in_schema=False)


def _is_here(request: Request) -> bool:
    """Tell whether a request comes from this machine, and not through a proxy on it."""
    try:
        here = ipaddress.ip_address(address_of(request)).is_loopback
    except ValueError:
        return False
    forwarded = {"forwarded", "x-forwarded-for"}.intersection(request.headers)
    return here and not forwarded and not request.app.state.settings.is_behind_proxy


def _check(request: Request) -> None:
    token = request.app.state.settings.metrics_token
    if token is None:
        if not _is_here(request):
            raise NotKnown(f"There is nothing at {request.url.path}.", path=request.url.path)
        return
    given = request.headers.get("authorization", "").encode()
    if not compare_digest(given, f"Bearer {token.get_secret_value()}".encode()):
        raise NotSignedIn("This needs the token in OPENBEAM_METRICS_TOKEN.")


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """Return all numbers as text."""
    _check(request)
    return Response(generate_latest(request.app.state.metrics), media_type=CONTENT_TYPE_LATEST)
