"""A network of two machines: this one, and a network namespace at the other end of a cable that can be cut."""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

__all__ = ["Cable", "cable"]

_NOBODY = "02:00:00:00:00:99"
"""Packets to this address arrive, and nobody takes them."""


def _ip(*words: str) -> str:
    return subprocess.run(["ip", *words], check=True, capture_output=True, text=True).stdout


@dataclass
class Cable:
    """Two ends: ``here`` on this machine, ``there`` in the namespace."""

    name: str = field(default_factory=lambda: f"ob{secrets.token_hex(3)}")
    net: str = field(default_factory=lambda: f"10.{100 + secrets.randbelow(100)}.{secrets.randbelow(256)}")

    @property
    def here(self) -> str:
        return f"{self.net}.1"

    @property
    def there(self) -> str:
        return f"{self.net}.2"

    @property
    def inside(self) -> tuple[str, ...]:
        """What runs a command at the other end."""
        return "ip", "netns", "exec", self.name

    def lay(self) -> None:
        _ip("netns", "add", self.name)
        _ip("link", "add", f"{self.name}h", "type", "veth", "peer", f"{self.name}t", "netns", self.name)
        _ip("address", "add", f"{self.here}/30", "dev", f"{self.name}h")
        _ip("link", "set", f"{self.name}h", "up")
        _ip("-n", self.name, "address", "add", f"{self.there}/30", "dev", f"{self.name}t")
        for device in ("lo", f"{self.name}t"):
            _ip("-n", self.name, "link", "set", device, "up")

    def remove(self) -> None:
        _ip("netns", "delete", self.name)

    # ------------------------------------------------------------------------------------------ faults
    def pull(self) -> None:
        """Pull the plug: the far machine knows that it has no network."""
        _ip("-n", self.name, "link", "set", f"{self.name}t", "down")

    def plug(self) -> None:
        """Put it in again."""
        _ip("-n", self.name, "link", "set", f"{self.name}t", "up")

    def silence(self) -> None:
        """Lose every packet, both ways, and tell nobody: connections hang."""
        _ip("neigh", "replace", self.there, "lladdr", _NOBODY, "nud", "permanent", "dev", f"{self.name}h")
        there = ("-n", self.name, "neigh", "replace", self.here, "lladdr", _NOBODY)
        _ip(*there, "nud", "permanent", "dev", f"{self.name}t")

    def hear(self) -> None:
        """Let packets through again."""
        _ip("neigh", "delete", self.there, "dev", f"{self.name}h")
        _ip("-n", self.name, "neigh", "delete", self.here, "dev", f"{self.name}t")


@contextmanager
def cable() -> Iterator[Cable]:
    """Lay a cable, or skip with a loud word where that is not possible."""
    if os.geteuid() != 0 or shutil.which("ip") is None:
        pytest.skip(
            "NO NETWORK NAMESPACES HERE: cuts of the network are not tested; they need root and Debian's iproute2"
        )
    made = Cable()
    made.lay()
    try:
        yield made
    finally:
        made.remove()
