"""Whether the service is well: it reaches its database and its queue, and endpoints reach it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

from fastapi import APIRouter, Request
from openbeam import __version__
from openbeam.errors import ServiceUnavailable
from pydantic import BaseModel
from redis import Redis, RedisError
from sqlalchemy import case, func, select
from sqlalchemy.exc import SQLAlchemyError

from openbeam_service.database.base import now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.endpoints.store import ONLINE_FOR

__all__ = ["Alive", "Health", "router"]

router = APIRouter(prefix="/health", tags=["health"])


class Alive(BaseModel):
    """The process answers; what it needs may be away."""

    status: Literal["ok"]
    version: str


class Health(Alive):
    """The service is well."""

    database: bool
    queue: bool
    endpoints: int
    """How many are online."""
    endpoints_offline: int
    milliseconds: dict[str, float]
    """How long ``database`` and ``queue`` took to answer."""


def _timed(ask: Callable[[], Any]) -> tuple[Any, float]:
    """Return an answer, None when there is none, and how many milliseconds that took."""
    started = time.perf_counter()
    try:
        found = ask()
    except (SQLAlchemyError, RedisError, OSError):
        found = None
    return found, round((time.perf_counter() - started) * 1000, 2)


def _endpoints(request: Request) -> tuple[int, int]:
    """Return how many endpoints there are, and how many of them are online."""
    online = func.sum(case((EndpointRow.last_seen >= now() - ONLINE_FOR, 1), else_=0))
    with request.app.state.sessions() as db:
        there, here = db.execute(select(func.count(), online).select_from(EndpointRow)).one()
    return there, here or 0


def _queue(url: str) -> bool:
    with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as queue:
        return bool(queue.ping())


@router.get(
    "",
    summary="Is the service well",
    responses={503: {"description": "Its database or its queue does not answer."}},
)
def health(request: Request) -> Health:
    """Return how the service is: ready for work, or what is away. Needs no token."""
    endpoints, database_ms = _timed(lambda: _endpoints(request))
    queue, queue_ms = _timed(lambda: _queue(request.app.state.settings.valkey))
    said = {
        "database": endpoints is not None,
        "queue": bool(queue),
        "milliseconds": {"database": database_ms, "queue": queue_ms},
    }
    if endpoints is None or not queue:
        raise ServiceUnavailable("The service runs, but its database or its queue does not answer.", **said)
    there, online = endpoints
    return Health(status="ok", version=__version__, endpoints=online, endpoints_offline=there - online, **said)


@router.get("/live", summary="Does the process answer")
async def live() -> Alive:
    """Answer, whatever is away: who restarts a service that does not should ask this."""
    return Alive(status="ok", version=__version__)
