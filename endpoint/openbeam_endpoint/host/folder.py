"""What a host keeps on its machine: ``<home>/hosts/<name>/``. The keys of its endpoints are not among it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from joserfc.jwk import ECKey
from openbeam.errors import Conflict, UnknownHost
from openbeam.home import Home
from openbeam.models import Model

from openbeam_endpoint import config as settings
from openbeam_endpoint.host import config as host_settings
from openbeam_endpoint.host.config import HostConfig
from openbeam_endpoint.identity import load_key

__all__ = ["HostFolder", "HostIdentity", "folder_of", "known"]


class HostIdentity(Model):
    """What the service answered when the host was enrolled (``identity.json``)."""

    host_id: str
    url: str


@dataclass(frozen=True)
class HostFolder:
    """Paths of one host. Nothing is created by asking for a path."""

    path: Path

    @property
    def name(self) -> str:
        """The host's name."""
        return self.path.name

    @property
    def config_path(self) -> Path:
        """Settings, to be changed by hand."""
        return self.path / "config.toml"

    @property
    def key_path(self) -> Path:
        """The private key."""
        return self.path / "key.jwk"

    @property
    def identity_path(self) -> Path:
        """What the service answered at enrolment."""
        return self.path / "identity.json"

    @property
    def log_path(self) -> Path:
        """The host agent's log."""
        return self.path / "host.log"

    @property
    def enrolled(self) -> bool:
        """True when the host has been enrolled."""
        return self.config_path.exists() and self.key_path.exists() and self.identity_path.exists()

    def config(self) -> HostConfig:
        """Return the settings; raises InvalidInput."""
        return host_settings.load(self.config_path)

    def key(self) -> ECKey:
        """Return the private key; raises InvalidInput."""
        return load_key(self.key_path)

    def identity(self) -> HostIdentity:
        """Return who the host is."""
        return HostIdentity.model_validate_json(self.identity_path.read_bytes())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the host: two agents of one host would take each other's containers away.

        Raises
        ------
        Conflict
            When its agent runs already.

        """
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                pid = lock.read().strip()
                raise Conflict(f"The agent of host {self.name} runs already (process {pid}).", pid=pid) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield


def folder_of(home: Home, name: str) -> HostFolder:
    """Return the folder of a host that may not be there yet; raises InvalidInput when no host can have this name."""
    return HostFolder(home.root / "hosts" / settings.made(HostConfig, {"name": name}).name)


def known(home: Home, name: str) -> HostFolder:
    """Return the folder of an enrolled host.

    Raises
    ------
    UnknownHost
        With the nearest names, and how to enrol one.

    """
    folder = folder_of(home, name)
    if not folder.enrolled:
        others = [path.name for path in folder.path.parent.glob("*") if HostFolder(path).enrolled]
        error = UnknownHost.among(name, others)
        raise UnknownHost(f"{error} Enrol it: openbeam-endpoint host enrol {name}", **error.details)
    return folder
