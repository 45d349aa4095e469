"""Endpoints: compute that somebody lends."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from openbeam.models.bounds import Model, Name
from openbeam.models.functions import EnvironmentRef, FunctionRule, PythonVersion
from openbeam.models.outputs import PublicKey
from openbeam.models.sharing import Visibility

__all__ = [
    "Approval",
    "ApprovalDecision",
    "ApprovalState",
    "Endpoint",
    "EndpointChange",
    "EndpointPolicy",
    "EndpointSpec",
    "EndpointStatus",
    "EndpointUsers",
    "Environment",
    "EnvironmentReport",
    "Isolation",
    "Labels",
]

Labels = Annotated[dict[Name, Annotated[str, StringConstraints(max_length=100)]], Field(max_length=20)]
"""What an owner says of an endpoint, e.g. ``{"site": "desy", "gpu": "none"}``."""


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
    visibility: Literal[Visibility.private, Visibility.public] | None = None
    """None: a new endpoint is private, and one that is there stays as it is. Public needs an administrator's word."""


class EndpointUsers(StrEnum):
    """Who of those that see an endpoint may use it."""

    owner = "owner"
    classes = "classes"
    all = "all"


class EndpointPolicy(Model):
    """Whose tasks an endpoint takes, of which functions, in which environments. An empty list allows all."""

    users: EndpointUsers = EndpointUsers.all
    functions: Annotated[list[FunctionRule], Field(max_length=200)] = Field(default_factory=list)
    environments: Annotated[list[EnvironmentRef], Field(max_length=50)] = Field(default_factory=list)


class EndpointChange(Model):
    """What an owner changes of an endpoint; what is left out stays."""

    description: Annotated[str, StringConstraints(max_length=1_000)] | None = None
    labels: Labels | None = None
    policy: EndpointPolicy | None = None


class ApprovalState(StrEnum):
    """Where an owner's wish stands to share an endpoint with everybody."""

    requested = "requested"
    approved = "approved"
    declined = "declined"


class ApprovalDecision(Model):
    """What an administrator says to it."""

    approve: bool
    note: Annotated[str, StringConstraints(max_length=500)] = ""


class Approval(Model):
    """An owner's wish to share an endpoint with everybody, and what an administrator said to it."""

    state: ApprovalState
    note: str


class EndpointStatus(Model):
    """What an agent says of itself at each poll."""

    workers: Annotated[int, Field(ge=0, le=100_000)]
    isolation: Isolation
    environment: Annotated[str, StringConstraints(pattern=r"^[a-z0-9:+._-]{1,120}$")]
    """Digest of what the engine has installed."""
    environment_name: Name | None = None
    """What its owner calls that."""
    python: PythonVersion = ""
    """The engine's Python."""
    listed: bool = False
    """Whether it runs only functions of its owner's own list, which it checks itself."""
    version: Annotated[str, StringConstraints(max_length=40)]


class Endpoint(Model):
    """Compute that somebody lends."""

    id: str
    name: str
    description: str
    owner: str
    visibility: Visibility = Visibility.private
    classes: list[str] = Field(default_factory=list)
    """Names of the classes that it is shared with; for its owner and administrators, empty for others."""
    approval: Approval | None = None
    """Of sharing it with everybody; for its owner and administrators."""
    labels: dict[str, str] = Field(default_factory=dict)
    policy: EndpointPolicy = Field(default_factory=EndpointPolicy)
    capacity: int = 0
    """Tasks at once, as its agent last said."""
    online: bool
    last_seen: datetime | None
    status: EndpointStatus | None
    waiting: int
    """Tasks in its queue."""
    sealing_key: PublicKey | None = None
    """To which credentials for it are sealed, as a JWK; None when its agent has not told."""


class EnvironmentReport(Model):
    """What an agent's engine has installed; told once, when the agent starts."""

    digest: Annotated[str, StringConstraints(pattern=r"^[a-z0-9:+._-]{1,120}$")]
    packages: Annotated[list[Annotated[str, StringConstraints(max_length=120)]], Field(max_length=2_000)]
    """``name==version``, sorted."""


class Environment(Model):
    """What endpoints have installed."""

    digest: str
    names: list[str]
    """What the endpoints' owners call it."""
    python: str
    endpoints: list[str]
    """Names of the endpoints that have it, those that the caller sees."""
    online: bool
    """Whether one of them is."""
    packages: list[str]
