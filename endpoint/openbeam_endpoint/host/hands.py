"""The one place that speaks to the container engine: Docker, or Podman behind the same interface."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from joserfc.jwk import ECKey
from openbeam.errors import EngineFault
from openbeam.models import MAX_LOG_LINE, MAX_LOG_LINES, ManagedOrder
from requests.exceptions import RequestException

from openbeam_endpoint.host import spec
from openbeam_endpoint.host.config import HostConfig
from openbeam_endpoint.host.furnish import archives
from openbeam_endpoint.host.plan import Container, Phase, agents_first

__all__ = ["Found", "Hands"]

_ASK_SECONDS: Final = 60
_STOP_SECONDS: Final = 10
_CONFLICT: Final = 409
_LONGEST_REASON: Final = 300
_PHASES: Final[dict[str, Phase]] = {
    "created": "created",
    "running": "running",
    "paused": "running",
    "restarting": "restarting",
    "exited": "exited",
    "stopped": "exited",
    "configured": "created",
}
"""By what Docker says, or Podman; all else is fit to be removed only."""


@dataclass(frozen=True)
class Found:
    """A container of ours as it was found."""

    container: Container
    image: str
    health: str
    exit_status: int
    out_of_memory: bool
    restarts: int
    started: datetime | None


@contextmanager
def _plainly(what: str) -> Iterator[None]:
    """Turn every trouble with the engine into ``EngineFault``; that something is gone already is none."""
    try:
        yield
    except NotFound:
        return
    except APIError as error:
        reason = str(error.explanation or error)[:_LONGEST_REASON]
        raise EngineFault(f"Docker refused to {what}: {reason}") from error
    except (DockerException, RequestException, OSError, ValueError) as error:
        raise EngineFault(f"Docker could not {what}: {str(error)[:_LONGEST_REASON]}") from error


class Hands:
    """What the host agent does with containers. Only those with this host's label are ever touched.

    Every call may raise ``EngineFault``, with a plain sentence.
    """

    def __init__(self, config: HostConfig, host_id: str) -> None:
        self._config = config
        self._host = host_id
        self._docker: docker.DockerClient | None = None

    @property
    def _client(self) -> docker.DockerClient:
        if self._docker is None:
            url = self._config.docker
            self._docker = (
                docker.DockerClient(base_url=url, timeout=_ASK_SECONDS)
                if url
                else docker.from_env(timeout=_ASK_SECONDS)
            )
        return self._docker

    @property
    def _mine(self) -> dict[str, str]:
        return {"label": f"{spec.HOST}={self._host}"}

    def version(self) -> str:
        """Return what the engine is."""
        with _plainly("say what it is"):
            about = self._client.version()
            parts = about.get("Components") or [{}]
            return f"{parts[0].get('Name', 'Docker')} {about.get('Version', '')}".strip()[:100]
        return ""

    def images(self) -> list[str]:
        """Return the names of the images that are there."""
        with _plainly("list its images"):
            return sorted({tag for image in self._client.api.images() for tag in image.get("RepoTags") or ()})
        return []

    def image_id(self, name: str) -> str | None:
        """Return the id of an image; None when it is not there. None is ever downloaded."""
        with _plainly("look for an image"):
            try:
                return str(self._client.images.get(name).id)
            except ImageNotFound:
                return None
        return None

    def look(self) -> list[Found]:
        """Return all containers of this host."""
        with _plainly("list its containers"):
            names = [one["Id"] for one in self._client.api.containers(all=True, filters=self._mine)]
            return [found for name in names if (found := self._found(name)) is not None]
        return []

    def _found(self, name: str) -> Found | None:
        try:
            about = self._client.api.inspect_container(name)
        except NotFound:
            return None
        state, labels = about["State"], about["Config"].get("Labels") or {}
        if labels.get(spec.HOST) != self._host:
            return None
        return Found(
            container=Container(
                id=about["Id"],
                host=self._host,
                endpoint=labels.get(spec.ENDPOINT, ""),
                role=labels.get(spec.ROLE, ""),
                spec=labels.get(spec.SPEC, ""),
                phase=_PHASES.get(state.get("Status", ""), "broken"),
            ),
            image=about["Image"],
            health=(state.get("Health") or {}).get("Status", ""),
            exit_status=int(state.get("ExitCode") or 0),
            out_of_memory=bool(state.get("OOMKilled")),
            restarts=int(about.get("RestartCount") or 0),
            started=_moment(state.get("StartedAt", "")),
        )

    def volumes(self) -> set[str]:
        """Return the ids of endpoints that have files."""
        with _plainly("list its volumes"):
            found = self._client.volumes.list(filters=self._mine)
            return {(one.attrs.get("Labels") or {}).get(spec.ENDPOINT, "") for one in found}
        return set()

    # -------------------------------------------------------------------------------------------- steps
    def create(self, order: ManagedOrder, role: str, image: str, digest: str) -> None:
        """Make a container of an endpoint, and its volumes first."""
        labels = {spec.HOST: self._host, spec.ENDPOINT: order.id}
        with _plainly("make a container"):
            for name in spec.volumes(order):
                self._client.volumes.create(name, labels=labels)
            own = {**labels, spec.ROLE: role, spec.SPEC: digest}
            self._client.containers.create(**spec.container(order, role, image, self._config, own))

    def furnish(self, container: Container, order: ManagedOrder, key: ECKey) -> None:
        """Put into an agent's container what it needs to start."""
        with _plainly("put an endpoint's settings into its container"):
            for place, data in archives(order, key, self._config).items():
                self._client.api.put_archive(container.id, place, data)

    def start(self, container: Container) -> None:
        """Start a container."""
        with _plainly("start a container"):
            self._client.api.start(container.id)

    def drain(self, container: Container) -> None:
        """Have an agent end when its tasks have."""
        with _plainly("tell an agent to end"):
            self._client.api.kill(container.id, signal="SIGUSR1")

    def stop(self, container: Container) -> None:
        """End a container's processes; an agent gives its tasks back first."""
        with _plainly("stop a container"):
            self._client.api.stop(container.id, timeout=_STOP_SECONDS)

    def remove(self, container: Container) -> None:
        """Remove a container, whatever it does."""
        with _plainly("remove a container"):
            try:
                if container.phase in {"running", "restarting"}:
                    self._client.api.stop(container.id, timeout=_STOP_SECONDS)
                self._client.api.remove_container(container.id, v=True, force=True)
            except APIError as error:
                # It is being removed already.
                if error.status_code != _CONFLICT:
                    raise

    def clear(self, endpoint: str) -> None:
        """Remove the files of an endpoint."""
        with _plainly("remove an endpoint's files"):
            for volume in self._client.volumes.list(filters=self._mine):
                if (volume.attrs.get("Labels") or {}).get(spec.ENDPOINT) == endpoint:
                    volume.remove(force=True)

    def remove_all(self) -> None:
        """Remove all containers of this host, agents before their engines; files stay."""
        for container in agents_first([found.container for found in self.look()]):
            self.remove(container)

    def clear_all(self) -> None:
        """Remove everything that this host has made."""
        self.remove_all()
        for endpoint in self.volumes():
            self.clear(endpoint)

    # -------------------------------------------------------------------------------------------- looking closer
    def log(self, container: Container) -> list[str]:
        """Return the last lines of a container's log, without what could steer a terminal."""
        with _plainly("read a log"):
            raw: bytes = self._client.api.logs(container.id, tail=MAX_LOG_LINES)
            lines = raw.decode("utf-8", "replace").split("\n")
            plain = ["".join(char for char in line if char.isprintable())[:MAX_LOG_LINE] for line in lines]
            return [line for line in plain if line][-MAX_LOG_LINES:]
        return []

    def use(self, container: Container) -> tuple[float, float, int]:
        """Return a moment, the seconds of CPU used until then, and the bytes in use."""
        with _plainly("measure a container"):
            about: dict[str, Any] = self._client.api.stats(container.id, stream=False, one_shot=True)
            cpu = about.get("cpu_stats", {}).get("cpu_usage", {}).get("total_usage", 0) / 1e9
            memory = about.get("memory_stats", {})
            detail = memory.get("stats") or {}
            # Pages of files can be dropped at any time. Its name depends on the kernel's version of control groups.
            cached = detail.get("total_inactive_file", detail.get("inactive_file", 0))
            return time.monotonic(), cpu, max(0, int(memory.get("usage", 0)) - int(cached))
        return time.monotonic(), 0.0, 0


def _moment(text: str) -> datetime | None:
    """Return a moment as Docker writes it, with nanoseconds; None for one that has not been."""
    if not text or text.startswith("0001"):
        return None
    try:
        whole, _, rest = text.partition(".")
        return datetime.fromisoformat(f"{whole}+00:00" if rest else text.replace("Z", "+00:00"))
    except ValueError:
        return None
