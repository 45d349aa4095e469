"""What one endpoint keeps on this machine: ``<home>/endpoints/<name>/``."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from joserfc.jwk import ECKey
from openbeam.errors import Conflict, InvalidInput
from openbeam.home import Home

from openbeam_endpoint import config as settings
from openbeam_endpoint.config import Config
from openbeam_endpoint.identity import Identity, load_key, make_key

__all__ = ["Folder", "folders"]


@dataclass(frozen=True)
class Folder:
    """Paths of one endpoint. Nothing is created by asking for a path."""

    path: Path

    @property
    def name(self) -> str:
        """The endpoint's name."""
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
        """What the service answered at registration."""
        return self.path / "identity.json"

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
    def state_path(self) -> Path:
        """What the agent says of itself."""
        return self.path / "state.json"

    @property
    def log_path(self) -> Path:
        """The agent's log."""
        return self.path / "agent.log"

    @property
    def output_path(self) -> Path:
        """What an agent in the background wrote anywhere but into its log."""
        return self.path / "output"

    @property
    def configured(self) -> bool:
        """True when the endpoint has been registered."""
        return self.config_path.exists() and self.key_path.exists() and self.identity_path.exists()

    def config(self) -> Config:
        """Return the settings; raises InvalidInput."""
        return settings.load(self.config_path)

    def key(self) -> ECKey:
        """Return the private key; raises InvalidInput."""
        return load_key(self.key_path)

    def sealing_key(self) -> ECKey:
        """Return the private key that opens users' credentials; made when there is none. Raises InvalidInput."""
        return load_key(self.sealing_key_path) if self.sealing_key_path.exists() else make_key(self.sealing_key_path)

    def identity(self) -> Identity:
        """Return who the endpoint is; raises InvalidInput."""
        return Identity.load(self.identity_path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the endpoint: two agents of one endpoint would take each other's leases.

        Raises
        ------
        Conflict
            When an agent of this endpoint runs on this machine already. ``details``: ``pid``.

        """
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                pid = lock.read().strip()
                raise Conflict(f"The endpoint {self.name} runs already (process {pid}).", pid=pid) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield

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
