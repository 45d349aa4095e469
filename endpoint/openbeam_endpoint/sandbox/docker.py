"""Docker: a hardened container without a network, whose files are this machine's environment, mounted read-only.

The image is empty but for the system's symbolic links, and made here: no registry is asked for anything.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
import threading
import time
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.models.containers import Container
from docker.types import Mount, Ulimit
from openbeam.errors import EngineFault
from requests.exceptions import RequestException

from openbeam_endpoint.sandbox.launch import ENGINE, SOCKET_NAME, Order, environment, most_processes, settings
from openbeam_endpoint.sandbox.mounts import find_mounts
from openbeam_endpoint.sandbox.settings import OUTLET_NAME

__all__ = ["IMAGE", "LABEL", "DockerSandbox", "launch", "works"]

IMAGE: Final = "openbeam/local-environment"
LABEL: Final = "org.openbeam.engine"

_DATA: Final = Path("/engine/data")
_SOCKETS: Final = Path("/engine/agent")
_SCRATCH: Final = Path("/tmp")  # noqa: S108 - a file system of the container's own
_SCRATCH_BYTES: Final = 512 * 1024**2
_SHARED_BYTES: Final = 64 * 1024**2
_ENGINE_BYTES: Final = 1024**3
_NOBODY: Final = 65534
_LOG_TAIL: Final = 8 * 1024
_ASK_SECONDS: Final = 10
_END_SECONDS: Final = 10.0
_LOOK: Final = 0.05

_HARDENED: Final[dict[str, Any]] = {
    "read_only": True,
    "cap_drop": ["ALL"],
    "security_opt": ["no-new-privileges:true"],
    "network_mode": "none",
    "ipc_mode": "private",
    "shm_size": _SHARED_BYTES,
    "ulimits": [Ulimit(name="core", soft=0, hard=0), Ulimit(name="nofile", soft=4096, hard=4096)],
    "working_dir": "/",
    # Gone with its first process; nothing that it writes is kept on this machine.
    "auto_remove": True,
    "log_config": {"type": "none"},
}

_TROUBLE: Final = (DockerException, RequestException, OSError)


def _client() -> docker.DockerClient:
    """Return a client of this machine's Docker.

    Raises
    ------
    EngineFault
        When Docker cannot be reached, or is another machine's: this one's files cannot be mounted there.

    """
    try:
        client = docker.from_env(timeout=_ASK_SECONDS)
    except _TROUBLE as error:
        raise EngineFault("Docker cannot be reached. Start it, and let this user use its socket.") from error
    if not client.api.base_url.startswith(("http+docker://", "http+unix://")):
        raise EngineFault("Docker is on another machine. Unset DOCKER_HOST, or choose another isolation.")
    return client


def _image(client: docker.DockerClient, links: Iterable[tuple[Path, str]]) -> str:
    """Return the name of the image, which is made when it is not there."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for link, target in links:
            entry = tarfile.TarInfo(str(link).lstrip("/"))
            entry.type, entry.linkname = tarfile.SYMTYPE, target
            archive.addfile(entry)
    data = content.getvalue()
    tag = hashlib.sha256(data).hexdigest()[:12]
    try:
        client.images.get(f"{IMAGE}:{tag}")
    except ImageNotFound:
        client.api.import_image_from_data(data, repository=IMAGE, tag=tag)
    return f"{IMAGE}:{tag}"


def _create(client: docker.DockerClient, command: list[str], mounts: list[Mount], **more: Any) -> Container:
    found = find_mounts()
    return client.containers.create(
        _image(client, found.links),
        command,
        user=f"{os.getuid() or _NOBODY}:{os.getgid() or _NOBODY}",
        environment=environment(str(_SCRATCH), found.python_path),
        mounts=[*(_mount(folder, folder) for folder in found.folders), *mounts],
        tmpfs={
            str(_SCRATCH): f"rw,nosuid,nodev,noexec,size={_SCRATCH_BYTES},mode=1777",
            **{str(folder): "ro,size=4096" for folder in found.hidden},
        },
        **(_HARDENED | more),
    )


def _mount(source: Path, target: Path) -> Mount:
    return Mount(target=str(target), source=str(source), type="bind", read_only=True)


@cache
def works() -> bool:
    """Say whether there is a Docker that can run this machine's Python: it is tried."""
    try:
        probe = _create(_client(), [sys.executable, "-c", ""], [], auto_remove=False)
        try:
            probe.start()
            return bool(probe.wait(timeout=_ASK_SECONDS)["StatusCode"] == 0)
        finally:
            probe.remove(force=True)
    except (EngineFault, *_TROUBLE):
        return False


def launch(order: Order) -> DockerSandbox:
    """Start an engine in a container.

    Raises
    ------
    EngineFault
        When Docker refuses.

    """
    inside = settings(order, sockets=_SOCKETS, data=_DATA, scratch=_SCRATCH, alone=True)
    if os.getuid() == 0:
        _open_for_nobody(order)
    memory = _ENGINE_BYTES + order.workers * inside.memory
    try:
        container = _create(
            _client(),
            [sys.executable, "-m", ENGINE, *inside.command()],
            [_mount(order.data, _DATA), _mount(order.sockets, _SOCKETS)],
            labels={LABEL: order.name},
            pids_limit=most_processes(order.workers),
            mem_limit=memory,
            memswap_limit=memory,
        )
        return DockerSandbox(container)
    except _TROUBLE as error:
        raise EngineFault(f"Docker could not start the engine: {error}") from error


def _open_for_nobody(order: Order) -> None:
    # The container's user is not root's: it has to get at the socket, and at the files of experiments.
    order.sockets.chmod(0o711)
    for name in (SOCKET_NAME, OUTLET_NAME):
        (order.sockets / name).chmod(0o666)
    order.data.chmod(order.data.stat().st_mode | 0o055)


class DockerSandbox:
    """A container that was started, and removes itself when it ends."""

    def __init__(self, container: Container) -> None:
        self._container = container
        self._tail = bytearray()
        stream = container.attach(stream=True)
        self._reader = threading.Thread(target=self._read, args=(stream,), name="engine-log", daemon=True)
        self._reader.start()
        try:
            container.start()
        except BaseException:
            self.close()
            raise

    def _read(self, stream: Iterable[bytes]) -> None:
        # The stream breaks off when the container is removed under it.
        with suppress(*_TROUBLE):
            for data in stream:
                self._tail += data
                del self._tail[:-_LOG_TAIL]

    def running(self) -> bool:
        """Say whether its first process lives."""
        try:
            self._container.reload()
        except NotFound:
            return False
        except _TROUBLE:
            # Docker is restarting, perhaps; the engine's socket says whether it lives.
            return True
        return self._container.status in {"created", "running"}

    def log(self) -> str:
        """Return the last of what its processes wrote."""
        return bytes(self._tail).decode("utf-8", "replace").strip()

    def close(self) -> None:
        """End all of it; returns when the container is gone."""
        end = time.monotonic() + _END_SECONDS
        while time.monotonic() < end:
            try:
                self._container.remove(force=True)
            except NotFound:
                return
            except APIError:
                # It is being removed already.
                time.sleep(_LOOK)
