"""What a host keeps on its machine: ``<home>/hosts/<name>/``. The keys of its endpoints are not among it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from openbeam.errors import UnknownHost
from openbeam.home import Home
from openbeam.models import Model

from openbeam_endpoint import config as settings
from openbeam_endpoint.agent_folder import AgentFolder
from openbeam_endpoint.host import config as host_settings
from openbeam_endpoint.host.config import HostConfig

__all__ = ["HostFolder", "HostIdentity", "folder_of", "known"]


class HostIdentity(Model):
    """What the service answered when the host was enrolled (``identity.json``)."""

    host_id: str
    url: str


@dataclass(frozen=True)
class HostFolder(AgentFolder):
    """Paths of one host. Nothing is created by asking for a path."""

    whose: ClassVar = "The agent of host"

    @property
    def log_path(self) -> Path:
        """The host agent's log."""
        return self.path / "host.log"

    def config(self) -> HostConfig:
        """Return the settings; raises InvalidInput."""
        return host_settings.load(self.config_path)

    def identity(self) -> HostIdentity:
        """Return who the host is."""
        return HostIdentity.model_validate_json(self.identity_path.read_bytes())


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
    if not folder.configured:
        others = [path.name for path in folder.path.parent.glob("*") if HostFolder(path).configured]
        error = UnknownHost.among(name, others)
        raise UnknownHost(f"{error} Enrol it: openbeam-endpoint host enrol {name}", **error.details)
    return folder
