"""What an agent's container needs before it first starts: settings, its key, and who it is.

It goes into the container's own volumes as a file that its user alone can read: what is in a container's environment
is shown to whoever may look at containers.
"""

from __future__ import annotations

import io
import json
import tarfile
import time
from typing import Final

from joserfc.jwk import ECKey
from openbeam.models import SPARE_ENGINES, ManagedOrder

from openbeam_endpoint import config as settings
from openbeam_endpoint.config import Config
from openbeam_endpoint.host.config import HostConfig
from openbeam_endpoint.host.spec import AGENT_USER, CACHE, FILES, SEATS, STATE, seat_count
from openbeam_endpoint.identity import Identity
from openbeam_endpoint.sandbox import seats

__all__ = ["archives"]

_PRIVATE: Final = 0o700
_OPEN: Final = 0o755
_SECRET: Final = 0o400


class _Tar:
    """A tar whose entries belong to the agent."""

    def __init__(self) -> None:
        self._content = io.BytesIO()
        self._tar = tarfile.TarFile(fileobj=self._content, mode="w")

    def folder(self, name: str, mode: int) -> None:
        self._add(self._entry(name, mode, tarfile.DIRTYPE))

    def file(self, name: str, text: str) -> None:
        data = text.encode()
        entry = self._entry(name, _SECRET, tarfile.REGTYPE)
        entry.size = len(data)
        self._add(entry, data)

    def link(self, name: str, target: str) -> None:
        entry = self._entry(name, _OPEN, tarfile.SYMTYPE)
        entry.linkname = target
        self._add(entry)

    def content(self) -> bytes:
        self._tar.close()
        return self._content.getvalue()

    @staticmethod
    def _entry(name: str, mode: int, kind: bytes) -> tarfile.TarInfo:
        entry = tarfile.TarInfo(name)
        entry.type, entry.mode, entry.mtime = kind, mode, int(time.time())
        entry.uid = entry.gid = AGENT_USER
        return entry

    def _add(self, entry: tarfile.TarInfo, data: bytes = b"") -> None:
        self._tar.addfile(entry, io.BytesIO(data))


def archives(order: ManagedOrder, key: ECKey, config: HostConfig) -> dict[str, bytes]:
    """Return tar files by the place where they are to be unpacked."""
    url = config.agent_url or config.url
    identity = Identity(endpoint_id=order.id, url=url, owner=order.owner, owner_id=order.owner_id)
    folder = f"home/endpoints/{order.name}"
    state = _Tar()
    for name in ("home", "home/endpoints", folder):
        state.folder(name, _PRIVATE)
    state.file(f"{folder}/config.toml", settings.as_file(_config(order, url, config), f"the endpoint {order.name}"))
    state.file(f"{folder}/key.jwk", json.dumps(key.as_dict(private=True)))
    state.file(f"{folder}/identity.json", identity.model_dump_json())
    state.link(f"{folder}/files", CACHE)
    files = _Tar()
    files.folder(CACHE.rpartition("/")[2], _OPEN)
    found = {STATE: state.content(), FILES: files.content()}
    for number in range(seat_count(order)):
        door = _Tar()
        door.folder(seats.DOOR, _OPEN)
        found[f"{SEATS}/{number}"] = door.content()
    return found


def _config(order: ManagedOrder, url: str, config: HostConfig) -> Config:
    return settings.make(
        {
            "name": order.name,
            "url": url,
            "workers": order.workers,
            "isolation": "docker",
            "mirror": None if config.mirror == "cern" else config.mirror,
            "cache_gb": config.cache_gb,
            "environment": order.environment,
            "max_engines": order.engines,
            "spare_engines": SPARE_ENGINES,
        }
    )
