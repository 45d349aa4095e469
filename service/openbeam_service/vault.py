"""The secrets of one installation: files in the data directory that only their owner can read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from openbeam.errors import InvalidInput
from openbeam.home import Home
from openbeam.whole import replacing

__all__ = [
    "Vault",
    "make_folder",
    "write_secret",
]


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, for its owner only. A folder that is there is left as it is."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def write_secret(path: Path, text: str) -> None:
    """Write a secret so that it is never readable by others, and never half there."""
    with replacing(path) as file:
        file.write(text.encode())


class Vault:
    """Names of the secrets in the data directory."""

    def __init__(self, home: Home) -> None:
        self.issuer_key = home.keys / "issuer.jwk"
        """Private key that signs tokens."""
        self.retired_keys = home.keys / "issuer-retired.json"
        """Public parts of the keys before it, until the last token that they signed has expired."""
        self.session_secret = home.keys / "session.secret"
        """Signs the session cookie of the service's own pages."""
        self.portal_secret = home.keys / "portal-client.secret"
        """The portal's OAuth client secret."""
        self.cookie_secret = home.keys / "cookie.secret"
        """Signs the portal's cookie."""
        self.tickets_secret = home.keys / "tickets.secret"
        """Signs the addresses by which browsers follow a run."""
        self.operator_token = home.tokens / "operator"
        self.setup_link = home.root / "setup-link"

    def keep(self, path: Path, make: Callable[[], str]) -> str:
        """Return the secret in a file; make it first when there is none."""
        if not path.exists():
            write_secret(path, make())
        path.chmod(0o600)
        return path.read_text().strip()

    def read(self, path: Path) -> str:
        """Return a secret that ``init`` has made.

        Raises
        ------
        InvalidInput
            When it has not.

        """
        try:
            return path.read_text().strip()
        except FileNotFoundError:
            message = f"{path} is missing. Run `openbeam-service init` first, with the same OPENBEAM_HOME."
            raise InvalidInput(message, path=str(path)) from None
