"""The systemd user unit of an endpoint: it starts with the machine, and again when it fails."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

from openbeam.home import Home

from openbeam_endpoint.exits import FINAL
from openbeam_endpoint.folder import Folder

__all__ = ["unit", "unit_name"]

_UNIT: Final = """\
# Keep it as ~/.config/systemd/user/{file}, then:
#   systemctl --user daemon-reload
#   systemctl --user enable --now {file}
# To have it run while nobody is signed in: loginctl enable-linger

[Unit]
Description=Openbeam endpoint {name}
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart={command}
Environment={home}
WorkingDirectory={folder}
Restart=on-failure
RestartSec=5
# Refused by the service, or wrong settings: a person has to look.
RestartPreventExitStatus={final}
KillMode=mixed
TimeoutStopSec=15

[Install]
WantedBy=default.target
"""


def unit_name(name: str) -> str:
    """Return the file name of an endpoint's unit."""
    return f"openbeam-{name}.service"


def unit(folder: Folder) -> str:
    """Return the text of an endpoint's unit."""
    root = Home.from_env().root
    # The path as it is, links and all: a virtual environment's Python is a link to another one.
    command = [str(Path(sys.executable).absolute()), "-m", "openbeam_endpoint", "start", folder.name]
    return _UNIT.format(
        file=unit_name(folder.name),
        name=folder.name,
        command=" ".join(_quoted(part, dollar="$$") for part in command),
        home=_quoted(f"OPENBEAM_HOME={root}"),
        folder=str(folder.path).replace("%", "%%"),
        final=" ".join(str(status) for status in FINAL),
    )


def _quoted(text: str, dollar: str = "$") -> str:
    """Return a word as systemd.syntax(7) wants it; ``%`` begins a specifier, and ``$`` a variable in commands."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", dollar)
    return f'"{escaped}"'
