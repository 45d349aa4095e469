"""Managed endpoints: what an administrator wants to run on a host, and what the host's agent sees there.

A managed endpoint, as its host sees it::

    starting -> running <-> unhealthy
     ^  ^          |
     |  |          |-----> draining --> starting     another image or size is wanted; its tasks end first
     |  |          '-----> stopped
     |  '-- failed
     '----- stopped

``waiting`` is what nobody has seen yet: its host has not answered since it was asked for. ``removing`` is the end: the
host clears away what there was, and the endpoint is gone.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Annotated, Final

from pydantic import Field, StringConstraints

from openbeam.models.bounds import MAX_WAIT, Model, Name
from openbeam.models.endpoints import Labels

__all__ = [
    "MAX_LOG_LINE",
    "MAX_LOG_LINES",
    "MAX_MANAGED",
    "SPARE_ENGINES",
    "Host",
    "HostLimits",
    "HostOrders",
    "HostReport",
    "HostSpec",
    "HostStatus",
    "ImageName",
    "ManagedChange",
    "ManagedEndpoint",
    "ManagedKey",
    "ManagedLog",
    "ManagedOrder",
    "ManagedSeen",
    "ManagedSize",
    "ManagedSpec",
    "ManagedState",
    "ManagedWish",
    "OrdersRequest",
]

MAX_MANAGED: Final = 64
"""Endpoints of one host."""
SPARE_ENGINES: Final = 1
"""Engines that a managed endpoint keeps ready beside those in use."""
MAX_LOG_LINES: Final = 200
MAX_LOG_LINE: Final = 500
_GIB: Final = 1024**3

ImageName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][A-Za-z0-9._/:@-]{0,254}$")]
"""A container image as Docker names it: ``openbeam/environment-hep:2026``, ``sha256:…``."""
_Rule = Annotated[str, StringConstraints(pattern=r"^[a-z0-9*][A-Za-z0-9._/:@*-]{0,254}$")]
_Line = Annotated[str, StringConstraints(max_length=MAX_LOG_LINE)]
_Workers = Annotated[int, Field(ge=1, le=1_000)]
_Memory = Annotated[int, Field(ge=_GIB // 2, le=4096 * _GIB)]
_Engines = Annotated[int, Field(ge=1, le=16)]
_Description = Annotated[str, StringConstraints(max_length=1_000)]


class ManagedWish(StrEnum):
    """What an administrator wants of a managed endpoint."""

    running = "running"
    stopped = "stopped"


class ManagedState(StrEnum):
    """Where a managed endpoint stands."""

    waiting = "waiting"
    """Its host has not answered yet."""
    starting = "starting"
    """Its containers are being made, or its agent is not ready yet."""
    running = "running"
    """Its agent takes work."""
    unhealthy = "unhealthy"
    """Its agent lives and is not ready."""
    draining = "draining"
    """It is to be replaced: it takes no new work, and its tasks end."""
    stopped = "stopped"
    """Its containers are stopped, or there are none; its files are kept."""
    failed = "failed"
    """It does not run, and ``problem`` says why; the host tries again."""
    removing = "removing"
    """It is being cleared away."""


class ManagedSize(Model):
    """How much of a host a managed endpoint gets: so many engines, each with workers and memory of its own."""

    workers: _Workers = 2
    """Tasks at once in an engine; also the cores that it may use."""
    memory: _Memory = 4 * _GIB
    """Bytes that the processes of an engine have together."""
    engines: _Engines = 2
    """Authors whose code may run at once."""

    @property
    def total(self) -> int:
        """Bytes that all engines have together, with those that are kept ready."""
        return (self.engines + SPARE_ENGINES) * self.memory


class ManagedSpec(ManagedSize):
    """A managed endpoint that an administrator wants."""

    name: Name
    image: ImageName
    """What its engines have installed; on the host's list of allowed images."""
    environment: Name | None = None
    """What to call that; functions may ask for it."""
    description: _Description = ""
    labels: Labels = Field(default_factory=dict)
    public: bool = False
    """Whether everybody with an account may use it. Later: as with every endpoint, by its sharing."""
    state: ManagedWish = ManagedWish.running


class ManagedChange(Model):
    """What an administrator changes of one; what is left out stays. A running one is replaced after its tasks ended."""

    image: ImageName | None = None
    workers: _Workers | None = None
    memory: _Memory | None = None
    engines: _Engines | None = None
    environment: Name | None = None
    state: ManagedWish | None = None


class ManagedSeen(Model):
    """What a host's agent sees of a managed endpoint."""

    id: Annotated[str, StringConstraints(max_length=36)]
    generation: Annotated[int, Field(ge=0)]
    """Of the orders that it has carried out, as far as it can."""
    state: ManagedState
    container: Annotated[str, StringConstraints(max_length=64)] = ""
    """Id of its agent's container."""
    image_id: Annotated[str, StringConstraints(max_length=80)] = ""
    """Digest of what runs."""
    started: datetime | None = None
    restarts: Annotated[int, Field(ge=0)] = 0
    """How often containers of it ended by themselves and were started again."""
    cpu: Annotated[float, Field(ge=0, le=1e6)] = 0.0
    """Cores in use, over all of its containers."""
    memory: Annotated[int, Field(ge=0)] = 0
    """Bytes in use."""
    engines: Annotated[int, Field(ge=0, le=64)] = 0
    """Engine containers that run."""
    problem: Annotated[str, StringConstraints(max_length=1_000)] = ""
    log: Annotated[list[_Line], Field(max_length=MAX_LOG_LINES)] = Field(default_factory=list)
    """The last lines of its agent's log."""


class ManagedEndpoint(ManagedSize):
    """A managed endpoint as an administrator sees it."""

    id: str
    """Also the endpoint's id."""
    name: str
    host: str
    image: str
    environment: str | None
    wanted: ManagedWish
    state: ManagedState
    generation: int
    """Of what is wanted; a host that is behind has not carried it out yet."""
    current: bool
    """Whether its host has taken the newest orders."""
    online: bool
    """Whether its agent asks the service for work."""
    problem: str = ""
    seen: ManagedSeen | None = None
    """Without its log, which is asked for by itself."""
    seen_at: datetime | None = None


class ManagedLog(Model):
    """The last lines of a managed endpoint's log, as its host last sent them."""

    lines: list[str]
    at: datetime | None


class HostLimits(Model):
    """What the host's own settings allow, whatever the service says."""

    images: Annotated[list[_Rule], Field(max_length=100)]
    """Images that may run; ``*`` stands for anything."""
    endpoints: Annotated[int, Field(ge=0, le=MAX_MANAGED)]
    memory: Annotated[int, Field(ge=0)]
    """Bytes that all engines of all endpoints have together."""
    workers: Annotated[int, Field(ge=1)]
    """Workers of one engine, at most."""

    def allows(self, image: str) -> bool:
        """Say whether an image is on the list."""
        return any(fnmatchcase(image, rule) for rule in self.images)

    def refusal(self, image: str, size: ManagedSize, others: Sequence[ManagedSize]) -> str:
        """Return why an endpoint may not run beside others; nothing when it may."""
        if not self.allows(image):
            return f"The host does not allow the image {image!r}; it allows {', '.join(self.images) or 'none'}."
        if size.workers > self.workers:
            return f"The host allows at most {self.workers} workers in an engine, not {size.workers}."
        if len(others) >= self.endpoints:
            return f"The host takes at most {self.endpoints} endpoints."
        room = self.memory - sum(other.total for other in others)
        if size.total > room:
            need, left = size.total / _GIB, max(0, room) / _GIB
            return f"The host has {left:.1f} GiB left for engines, and this needs {need:.1f} GiB."
        return ""


class HostStatus(Model):
    """What a host's agent says of its machine."""

    version: Annotated[str, StringConstraints(max_length=40)]
    engine: Annotated[str, StringConstraints(max_length=100)] = ""
    """What runs the containers, and its version."""
    cpus: Annotated[int, Field(ge=0)] = 0
    memory: Annotated[int, Field(ge=0)] = 0
    images: Annotated[list[ImageName], Field(max_length=200)] = Field(default_factory=list)
    """Allowed images that are there."""
    limits: HostLimits
    problem: Annotated[str, StringConstraints(max_length=1_000)] = ""


class HostSpec(Model):
    """A host that an administrator enrols. ``key`` is its agent's public key as a JWK (EC, P-256)."""

    name: Name
    key: dict[str, str]


class Host(Model):
    """A host: a machine whose agent runs endpoints that administrators manage."""

    id: str
    name: str
    owner: str
    active: bool
    """False when its key was revoked."""
    online: bool
    last_seen: datetime | None
    created: datetime
    status: HostStatus | None
    endpoints: list[ManagedEndpoint]


class ManagedOrder(ManagedSize):
    """A managed endpoint as its host's agent is told of it."""

    id: str
    name: Name
    owner: str
    owner_id: str
    generation: int
    epoch: int
    """Another one asks for new containers, with a new key."""
    image: ImageName
    environment: Name | None = None
    wanted: ManagedWish
    removing: bool = False


class OrdersRequest(Model):
    """A host's agent waits for other orders than those it knows."""

    known: Annotated[int, Field(ge=0)]
    """Their generation."""
    wait: Annotated[float, Field(ge=0, le=MAX_WAIT)]


class HostOrders(Model):
    """All that a host shall run; what is not in it shall not be there."""

    generation: int
    endpoints: Annotated[list[ManagedOrder], Field(max_length=MAX_MANAGED)]


class HostReport(Model):
    """What a host's agent sees."""

    status: HostStatus
    endpoints: Annotated[list[ManagedSeen], Field(max_length=MAX_MANAGED)] = Field(default_factory=list)
    gone: Annotated[list[Annotated[str, StringConstraints(max_length=36)]], Field(max_length=MAX_MANAGED)] = Field(
        default_factory=list
    )
    """Endpoints that were to be removed, and of which nothing is left."""


class ManagedKey(Model):
    """The public key that a host has made for a managed endpoint."""

    key: dict[str, str]
