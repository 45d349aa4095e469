"""Private folders with short paths, for sockets; each is named after the process that made it."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path
from typing import Final

import psutil

__all__ = ["clear_away", "short_folder"]

_LONGEST: Final = 60
"""So that the path of a socket in it, or in a folder of it, fits into the kernel's 107 bytes."""
_SHORT: Final = Path("/tmp")  # noqa: S108 - the folders in it are private
_OURS: Final = re.compile(r"openbeam-engine-(\d+)-\w+")


def short_folder(parent: Path | None) -> Path:
    """Return a new private folder whose path leaves room for a socket's name."""
    prefix = f"openbeam-engine-{os.getpid()}-"
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    if len(str(folder)) <= _LONGEST:
        return folder
    folder.rmdir()
    return Path(tempfile.mkdtemp(prefix=prefix, dir=_SHORT))


def clear_away() -> None:
    """Remove what processes of this user that were killed have left in the temporary folders."""
    for parent in {Path(tempfile.gettempdir()), _SHORT}:
        for folder in parent.glob("openbeam-engine-*"):
            if (made := _OURS.fullmatch(folder.name)) and _is_left(folder, int(made[1])):
                shutil.rmtree(folder, ignore_errors=True)


def _is_left(folder: Path, maker: int) -> bool:
    try:
        return folder.lstat().st_uid == os.getuid() and not psutil.pid_exists(maker)
    except OSError:
        return False
