"""What an agent keeps on its machine, whether it runs an endpoint or a host's endpoints."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from joserfc.jwk import ECKey
from openbeam.errors import Conflict

from openbeam_endpoint.identity import load_key

__all__ = ["AgentFolder"]


@dataclass(frozen=True)
class AgentFolder:
    """Paths of one agent, and the lock that it holds. Nothing is created by asking for a path."""

    whose: ClassVar[str]
    """How the agent is named to people, before its folder's name."""

    path: Path

    @property
    def name(self) -> str:
        """The name of what the agent runs."""
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
        """What the service answered when the key was registered."""
        return self.path / "identity.json"

    @property
    def state_path(self) -> Path:
        """What the agent says of itself."""
        return self.path / "state.json"

    @property
    def configured(self) -> bool:
        """True when it has been registered with the service."""
        return self.config_path.exists() and self.key_path.exists() and self.identity_path.exists()

    def key(self) -> ECKey:
        """Return the private key; raises InvalidInput."""
        return load_key(self.key_path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold it: two agents of one name would take away what the other has.

        Raises
        ------
        Conflict
            When its agent runs on this machine already. ``details``: ``pid``.

        """
        with (self.path / "lock").open("a+") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                lock.seek(0)
                pid = lock.read().strip()
                raise Conflict(f"{self.whose} {self.name} runs already (process {pid}).", pid=pid) from None
            lock.truncate(0)
            lock.write(f"{os.getpid()}\n")
            lock.flush()
            yield
