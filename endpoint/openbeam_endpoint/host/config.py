"""The settings of one host: ``config.toml``. They hold whatever the service says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Final

import psutil
from openbeam.home import DEFAULT_URL
from openbeam.models import MAX_MANAGED, HostLimits, Model, Name
from pydantic import ConfigDict, Field, StringConstraints, field_validator

from openbeam_endpoint import config as settings

__all__ = ["ENVIRONMENT", "HostConfig", "load"]

ENVIRONMENT: Final = {"url": "OPENBEAM_URL", "docker": "DOCKER_HOST"}
"""Settings that an environment variable overrides, and its name."""

_GB: Final = 1_000_000_000
_MOST_CORES: Final = 1_000

_Rule = Annotated[str, StringConstraints(pattern=r"^[a-z0-9*][A-Za-z0-9._/:@*-]{0,254}$")]
_Mirror = Annotated[
    str, StringConstraints(pattern=r"^((https?|root)://[^\s,]+|cern)(, ?((https?|root)://[^\s,]+|cern))*$")
]
_Network = Annotated[str, StringConstraints(pattern=r"^(container:)?[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$")]
_Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")]


class HostConfig(Model):
    """Settings of a host. A description is the comment above the setting in ``config.toml``."""

    model_config = ConfigDict(frozen=True)

    name: Name = Field(description="The name that administrators choose this host by.")
    url: _Address = Field(default=DEFAULT_URL, description="The Openbeam service that this host works for.")
    agent_url: _Address | None = Field(
        default=None, description="The same service as containers reach it. Without this line: url."
    )
    images: Annotated[tuple[_Rule, ...], Field(max_length=100)] = Field(
        default=("openbeam/environment-*",),
        description="The only images that run here, whatever the service says; * stands for anything. They must be\n"
        "here already: none is downloaded.",
    )
    max_endpoints: Annotated[int, Field(ge=0, le=MAX_MANAGED)] = Field(
        default=8, description="Endpoints at once, at most."
    )
    memory_gb: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        default=None,
        description="GB that all engines have together, at most. Without this line: three quarters of the machine's.",
    )
    max_workers: Annotated[int, Field(ge=1, le=_MOST_CORES)] | None = Field(
        default=None, description="Workers of one engine, at most. Without this line: as many as the machine has cores."
    )
    cache_gb: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        default=20, description="GB of data files that each endpoint keeps, at most."
    )
    mirror: _Mirror = Field(
        default="cern",
        description="http(s):// or root:// addresses that endpoints read instead of CERN's open data storage; cern\n"
        "among them is CERN itself.",
    )
    network: _Network = Field(
        default="bridge",
        description="The container network of agents, by which they reach the service; container:NAME is the one that\n"
        "another container has. Engines have none.",
    )
    docker: Annotated[str, StringConstraints(pattern=r"^(unix|tcp|http|https|npipe|ssh)://\S+$")] | None = Field(
        default=None,
        description="The socket of Docker, or of Podman's Docker-compatible service, as in DOCKER_HOST. Without this\n"
        "line: Docker's usual one.",
    )
    keep_running: bool = Field(
        default=True,
        description="Whether endpoints go on running while the host agent does not. Where not, their containers end\n"
        "with it, and are made again when it starts; data files are kept.",
    )
    drain_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=900,
        description="How long an endpoint that is to be replaced may go on with its tasks. Then they go back to the\n"
        "service, and are computed again.",
    )

    @field_validator("url", "agent_url")
    @classmethod
    def _without_last_slash(cls, url: str | None) -> str | None:
        return url.rstrip("/") if url else url

    @property
    def limits(self) -> HostLimits:
        """What the service is told of the limits, which the host keeps to by itself."""
        memory = self.memory_gb * _GB if self.memory_gb is not None else psutil.virtual_memory().total * 3 / 4
        workers = self.max_workers or len(os.sched_getaffinity(0))
        return HostLimits(images=list(self.images), endpoints=self.max_endpoints, memory=int(memory), workers=workers)


def load(path: Path) -> HostConfig:
    """Return the settings of a host; raises InvalidInput, naming the line and the key."""
    return settings.loaded(HostConfig, path, ENVIRONMENT)
