"""A whole site of containers, as ``compose.yaml`` makes it."""

from __future__ import annotations

import os
import secrets
import time
from dataclasses import dataclass, field

from openbeam import Client

from support import images
from support.ports import free_port
from support.stack import REPOSITORY, Person

_FILES = (REPOSITORY / "compose.yaml", REPOSITORY / "tests" / "compose.test.yaml")


@dataclass
class ComposeSite:
    """One site; ``up`` brings it up, ``down`` takes it away with all that it kept."""

    name: str = field(default_factory=lambda: f"openbeam-test-{secrets.token_hex(3)}")
    port: int = field(default_factory=free_port)
    portal_port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        """Where the service is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def portal_url(self) -> str:
        """Where the portal is."""
        return f"http://127.0.0.1:{self.portal_port}"

    def compose(self, *command: str) -> str:
        """Run Compose for this site."""
        files = [part for file in _FILES for part in ("-f", str(file))]
        own = {
            "OPENBEAM_IMAGES": images.PREFIX,
            "OPENBEAM_PORT": str(self.port),
            "OPENBEAM_PORTAL_PORT": str(self.portal_port),
            "OPENBEAM_WORKERS": "2",
            "OPENBEAM_ENGINE_MEMORY": "3G",
            "DOCKER_SOCKET": os.environ["DOCKER_HOST"].removeprefix("unix://"),
        }
        return images.run(images.compose(), "-p", self.name, *files, *command, env=own)

    def up(self) -> float:
        """Start it; return how many seconds that took."""
        began = time.monotonic()
        self.compose("up", "-d", "--wait", "--no-build")
        return time.monotonic() - began

    def down(self) -> None:
        """Remove it and its volumes, as the documentation says."""
        self.compose("stop", "host")
        self.compose("run", "--rm", "leave")
        self.compose("down", "-v", "--timeout=5")

    def inside(self, service: str, *command: str) -> str:
        """Run a command in one of its containers."""
        return self.compose("exec", "-T", service, *command).strip()

    def person(self, role: str) -> Person:
        """Make a user with a password and a personal token, by the administrator's command line."""
        name, password = f"{role}-{secrets.token_hex(3)}", secrets.token_urlsafe(12)
        add = f"echo {password} | openbeam-service user add {name} --role {role} --password-stdin"
        self.inside("service", "sh", "-c", add)
        return Person(name, password, self.inside("service", "openbeam-service", "token", name))

    def client(self, token: str) -> Client:
        """Return a client, as somebody outside has it."""
        return Client(url=self.url, token=token)
