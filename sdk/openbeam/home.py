"""The data directory, ``OPENBEAM_HOME``: one place that knows where everything of one machine lives."""

from __future__ import annotations

import hashlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

__all__ = ["DEFAULT_PORTAL_URL", "DEFAULT_URL", "Home"]

DEFAULT_URL = "http://127.0.0.1:8600"
DEFAULT_PORTAL_URL = "http://127.0.0.1:8601"

# A unix socket's path may have 107 bytes (sun_path); a deep home needs a shorter place.
_LONGEST_SOCKET = 100


@dataclass(frozen=True)
class Home:
    """Paths below the data directory. Nothing is created by asking for a path."""

    root: Path

    @classmethod
    def from_env(cls) -> Home:
        """Return the home named by ``OPENBEAM_HOME``, or ``.openbeam`` in the working directory."""
        return cls(Path(os.environ.get("OPENBEAM_HOME", ".openbeam")).resolve())

    @property
    def database(self) -> Path:
        """The SQLite file."""
        return self.root / "openbeam.sqlite"

    @property
    def keys(self) -> Path:
        """Private keys and secrets, readable by their owner only."""
        return self.root / "keys"

    @property
    def tokens(self) -> Path:
        """Tokens that this machine's own programs use; ``operator`` publishes the catalog."""
        return self.root / "tokens"

    @property
    def files(self) -> Path:
        """Files that people uploaded."""
        return self.root / "files"

    @property
    def logs(self) -> Path:
        """A log a program."""
        return self.root / "log"

    @property
    def valkey(self) -> Path:
        """Append-only file of the queue's server."""
        return self.root / "valkey"

    def endpoint(self, name: str) -> Path:
        """Return the folder with configuration, key and file cache of one endpoint."""
        return self.root / "endpoints" / name

    def socket(self, name: str) -> Path:
        """Return the path for a unix socket; in the temporary folder when the home is too deep for one."""
        path = self.root / "run" / f"{name}.sock"
        if len(os.fsencode(path)) <= _LONGEST_SOCKET:
            return path
        short = hashlib.sha256(os.fsencode(self.root)).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"openbeam-{os.getuid()}-{short}" / f"{name}.sock"
