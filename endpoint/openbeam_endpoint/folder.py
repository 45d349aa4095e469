"""What one endpoint keeps on this machine: ``<home>/endpoints/<name>/``."""

from __future__ import annotations

import fcntl
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from joserfc.jwk import ECKey
from openbeam.errors import InvalidInput
from openbeam.home import Home

from openbeam_endpoint import config as settings
from openbeam_endpoint.agent_folder import AgentFolder
from openbeam_endpoint.config import Config
from openbeam_endpoint.identity import Identity, load_key, make_key

__all__ = ["Folder", "folders"]


@dataclass(frozen=True)
class Folder(AgentFolder):
    """Paths of one endpoint. Nothing is created by asking for a path."""

    whose: ClassVar = "The endpoint"

    @property
    def files(self) -> Path:
        """The file cache."""
        return self.path / "files"

    @property
    def scratch(self) -> Path:
        """What engines leave on disk while they run."""
        return self.path / "scratch"

    def place(self, config: Config) -> Folder:
        """Return where files and engines are: here, or in the folder that nodes of a site see."""
        return Folder(Path(config.site.folder) / self.name) if config.site and config.site.folder else self

    def make(self) -> None:
        """Make the place of files and engines.

        Raises
        ------
        InvalidInput
            When that cannot be done.

        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.files.mkdir(exist_ok=True)
        except OSError as error:
            raise InvalidInput(
                f"The folder {self.path} cannot be used: {error.strerror}.", path=str(self.path)
            ) from error

    @property
    def outgoing(self) -> Path:
        """Outputs of tasks on their way to their place."""
        return self.path / "outgoing"

    @property
    def sealing_key_path(self) -> Path:
        """The private key that opens users' credentials."""
        return self.path / "sealing.jwk"

    @property
    def log_path(self) -> Path:
        """The agent's log."""
        return self.path / "agent.log"

    @property
    def output_path(self) -> Path:
        """What an agent in the background wrote anywhere but into its log."""
        return self.path / "output"

    def config(self) -> Config:
        """Return the settings; raises InvalidInput."""
        return settings.load(self.config_path)

    def sealing_key(self) -> ECKey:
        """Return the private key that opens users' credentials; made when there is none. Raises InvalidInput."""
        return load_key(self.sealing_key_path) if self.sealing_key_path.exists() else make_key(self.sealing_key_path)

    def identity(self) -> Identity:
        """Return who the endpoint is; raises InvalidInput."""
        return Identity.load(self.identity_path)

    def running(self) -> str:
        """Return the process id of the agent that runs here, or nothing."""
        try:
            with (self.path / "lock").open() as lock:
                fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return ""
        except BlockingIOError:
            return (self.path / "lock").read_text().strip()
        return ""


def folders(home: Home) -> list[Folder]:
    """Return the endpoints that were configured on this machine, by name."""
    above = home.endpoint("any").parent
    return sorted((Folder(path) for path in above.glob("*") if path.is_dir()), key=lambda folder: folder.name)
