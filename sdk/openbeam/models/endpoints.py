"""Endpoints: compute that somebody lends."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from openbeam.models.bounds import Model, Name

__all__ = ["Endpoint", "EndpointSpec", "EndpointStatus", "Isolation"]


class Isolation(StrEnum):
    """What stands between a user's code and the machine."""

    docker = "docker"
    bubblewrap = "bubblewrap"
    none = "none"


class EndpointSpec(Model):
    """What an agent's owner registers. ``key`` is the agent's public key as a JWK (EC, P-256)."""

    name: Name
    key: dict[str, str]
    description: Annotated[str, StringConstraints(max_length=1_000)] = ""
    public: bool = False


class EndpointStatus(Model):
    """What an agent says of itself at each poll."""

    workers: Annotated[int, Field(ge=0, le=100_000)]
    isolation: Isolation
    environment: Annotated[str, StringConstraints(pattern=r"^[a-z0-9:+._-]{1,120}$")]
    """Digest of what the engine has installed."""
    version: Annotated[str, StringConstraints(max_length=40)]


class Endpoint(Model):
    """Compute that somebody lends."""

    id: str
    name: str
    description: str
    owner: str
    public: bool
    online: bool
    last_seen: datetime | None
    status: EndpointStatus | None
    waiting: int
    """Tasks in its queue."""
