"""The data directory: whose it is, who may read it, and how much room there is."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from typing import Final

from openbeam_service.doctor.findings import Finding, bad, ok, warn
from openbeam_service.settings import Settings
from openbeam_service.vault import Vault

__all__ = ["check_disk", "check_home"]

_LITTLE: Final = 5 * 1024**3
_NONE: Final = 512 * 1024**2
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


def check_home(settings: Settings) -> Iterator[Finding]:
    """Look at the secrets: there, and readable by their owner only."""
    home, vault = settings.home, Vault(settings.home)
    if not vault.issuer_key.is_file():
        yield bad("home", f"{home.root} has no keys", "Run `openbeam-service init`, with the same OPENBEAM_HOME.")
        return
    # Database, files and backups have what everybody made: they are as secret as the keys.
    private = [home.root, home.keys, home.tokens, home.files, home.root / "backups", home.database]
    private += [path for folder in (home.keys, home.tokens) for path in folder.glob("*")]
    open_ones = sorted(path for path in private if path.exists() and path.stat().st_mode & _OTHERS)
    # What is inside a closed folder nobody else reaches, whatever its own mode.
    if home.root not in open_ones:
        open_ones = [path for path in open_ones if path.parent in (home.keys, home.tokens)]
    for path in open_ones:
        yield bad("home", f"others on this machine may read {path}", f"chmod go= {path}")
    if not open_ones:
        yield ok("home", f"{home.root}, for its owner only")


def check_disk(settings: Settings) -> Iterator[Finding]:
    """Look at the room that is left."""
    left = shutil.disk_usage(settings.home.root).free
    said = f"{left / 1024**3:.1f} GiB left"
    if left < _NONE:
        yield bad("disk", said, "Make room: soon nothing can be written.")
    elif left < _LITTLE:
        yield warn("disk", said, "Make room, or move the data directory.")
    else:
        yield ok("disk", said)
