"""The fixed, hardened spec of a managed endpoint's containers. Of what the service says, sizes and an image are all.

An endpoint is an agent's container and more *seats* than it has engines. The agent's reaches the service, holds the
key and runs no function. A seat runs functions, and has no network and nothing of the agent's but the files to read and
a door to its socket, both read-only.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, Final

from docker.types import Healthcheck, Mount, Ulimit
from openbeam.models import SPARE_ENGINES, ManagedOrder

from openbeam_endpoint.host.config import HostConfig
from openbeam_endpoint.host.plan import AGENT, seat
from openbeam_endpoint.sandbox import seats
from openbeam_endpoint.sandbox.launch import most_processes

__all__ = [
    "AGENT_USER",
    "CACHE",
    "ENDPOINT",
    "FILES",
    "HOST",
    "ROLE",
    "SEATS",
    "SPEC",
    "STATE",
    "container",
    "digest",
    "name_of",
    "roles",
    "seat_count",
    "volumes",
]

HOST: Final = "openbeam.host"
ENDPOINT: Final = "openbeam.endpoint"
ROLE: Final = "openbeam.role"
SPEC: Final = "openbeam.spec"

STATE: Final = "/openbeam/state"
FILES: Final = "/openbeam/files"
CACHE: Final = f"{FILES}/cache"
SEATS: Final = "/openbeam/seats"
_SEAT: Final = "/openbeam/seat"

AGENT_USER: Final = 10001
_ENGINE_USER: Final = 65534
_VERSION: Final = 1
"""Another one makes all containers anew: it goes up when this file changes what runs."""
_MIB: Final = 1024**2
_AGENT_BYTES: Final = 1024 * _MIB
_AGENT_PROCESSES: Final = 256
_SCRATCH: Final = {"/tmp": f"rw,nosuid,nodev,noexec,size={512 * _MIB},mode=1777"}  # noqa: S108 - the containers' own
_CPU: Final = 1_000_000_000
_SECOND: Final = 1_000_000_000

_HARDENED: Final[dict[str, Any]] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "ipc_mode": "private",
    "shm_size": 64 * _MIB,
    "ulimits": [Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=4096, hard=4096)],
    "tmpfs": _SCRATCH,
    "working_dir": "/",
    "log_config": {"type": "json-file", "config": {"max-size": "1m", "max-file": "2"}},
    "entrypoint": ["openbeam-endpoint"],
}


def seat_count(order: ManagedOrder) -> int:
    """Return how many seats an endpoint has: for engines in use, for those kept ready, and one to be started afresh."""
    return order.engines + SPARE_ENGINES + 1


def roles(order: ManagedOrder) -> list[str]:
    """Return the roles of its containers."""
    return [AGENT, *(seat(number) for number in range(seat_count(order)))]


def name_of(endpoint: str, role: str) -> str:
    """Return the name of a container, or of a volume."""
    return f"openbeam-{endpoint}-{role}"


def volumes(order: ManagedOrder) -> list[str]:
    """Return the names of its volumes."""
    return [name_of(order.id, part) for part in ("state", "files", *map(_door, range(seat_count(order))))]


def digest(order: ManagedOrder, image: str, config: HostConfig) -> str:
    """Return what tells containers apart that differ in anything: of the order, the image's id, or our settings."""
    parts = order.model_dump(mode="json", exclude={"generation", "wanted", "removing", "image"})
    ours = config.model_dump(mode="json", include={"url", "agent_url", "mirror", "network", "cache_gb"})
    text = json.dumps([_VERSION, image, parts, ours], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def container(order: ManagedOrder, role: str, image: str, config: HostConfig, labels: dict[str, str]) -> dict[str, Any]:
    """Return how a container is made: the arguments of Docker's ``create``."""
    own = _agent(order, config) if role == AGENT else _engine(order, int(role.rpartition("-")[2]))
    return {**_HARDENED, "image": image, "name": name_of(order.id, role), "labels": labels, **own}


def _agent(order: ManagedOrder, config: HostConfig) -> dict[str, Any]:
    doors = [_volume(order, _door(number), f"{SEATS}/{number}") for number in range(seat_count(order))]
    return {
        "command": ["start", order.name],
        "user": f"{AGENT_USER}:{AGENT_USER}",
        "environment": {"OPENBEAM_HOME": f"{STATE}/home", seats.VARIABLE: SEATS, "HOME": "/tmp"},  # noqa: S108
        "mounts": [_volume(order, "state", STATE), _volume(order, "files", FILES), *doors],
        "network_mode": config.network,
        "hostname": None if config.network == "host" or config.network.startswith("container:") else "agent",
        "mem_limit": _AGENT_BYTES,
        "memswap_limit": _AGENT_BYTES,
        "pids_limit": _AGENT_PROCESSES,
        "nano_cpus": _CPU,
        "init": True,
        "restart_policy": {"Name": "on-failure"},
        # What it says of itself, without a process of our own each time.
        "healthcheck": Healthcheck(
            test=["CMD", "grep", "-q", '"phase":"ready"', f"{STATE}/home/endpoints/{order.name}/state.json"],
            interval=3 * _SECOND,
            timeout=5 * _SECOND,
            retries=3,
            start_period=120 * _SECOND,
        ),
    }


def _engine(order: ManagedOrder, number: int) -> dict[str, Any]:
    return {
        "command": ["seat", f"{_SEAT}/{seats.DOOR}/agent.sock"],
        "user": f"{_ENGINE_USER}:{_ENGINE_USER}",
        "mounts": [
            _volume(order, _door(number), _SEAT, read_only=True),
            _volume(order, "files", FILES, read_only=True),
        ],
        "network_mode": "none",
        "mem_limit": order.memory,
        "memswap_limit": order.memory,
        "pids_limit": most_processes(order.workers),
        # The workers' cores, and one for what hands them their tasks.
        "nano_cpus": min(order.workers + 1, _cores()) * _CPU,
        # Its own first process is the one that minds the rest, and has nothing to tidy up.
        "init": False,
        "stop_signal": "SIGKILL",
        "restart_policy": {"Name": "unless-stopped"},
        "healthcheck": Healthcheck(test=["NONE"]),
    }


def _cores() -> int:
    import psutil

    return psutil.cpu_count() or 1


def _door(number: int) -> str:
    return f"door-{number}"


def _volume(order: ManagedOrder, part: str, target: str, *, read_only: bool = False) -> Mount:
    # no_copy: what an image has at that place is not for it.
    return Mount(target=target, source=name_of(order.id, part), type="volume", read_only=read_only, no_copy=True)
