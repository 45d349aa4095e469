"""Whether the service is well: it reaches its database and its queue."""

from __future__ import annotations

from typing import Literal

from fastapi import APIRouter, Request
from openbeam import __version__
from openbeam.errors import ServiceUnavailable
from pydantic import BaseModel
from redis import Redis, RedisError
from sqlalchemy import func, select
from sqlalchemy.exc import SQLAlchemyError

from openbeam_service.database.base import now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.endpoints.store import ONLINE_FOR

__all__ = ["Health", "router"]

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The service is well."""

    status: Literal["ok"]
    version: str
    database: bool
    queue: bool
    endpoints: int
    """How many are online."""


def _endpoints(request: Request) -> int | None:
    """Return how many endpoints are online; None when the database does not answer."""
    online = select(func.count()).select_from(EndpointRow).where(EndpointRow.last_seen >= now() - ONLINE_FOR)
    try:
        with request.app.state.sessions() as db:
            return int(db.scalar(online))
    except SQLAlchemyError:
        return None


def _queue(url: str) -> bool:
    try:
        with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as queue:
            return bool(queue.ping())
    except (RedisError, OSError):
        return False


@router.get(
    "/health",
    summary="Is the service well",
    responses={503: {"description": "Its database or its queue does not answer."}},
)
def health(request: Request) -> Health:
    """Return how the service is. Needs no token."""
    endpoints, queue = _endpoints(request), _queue(request.app.state.settings.valkey)
    if endpoints is None or not queue:
        raise ServiceUnavailable(
            "The service runs, but its database or its queue does not answer.",
            database=endpoints is not None,
            queue=queue,
        )
    return Health(status="ok", version=__version__, database=True, queue=True, endpoints=endpoints)
