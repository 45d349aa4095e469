"""What of this machine an engine has to see: the system's libraries, this environment, and our own packages."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from openbeam.home import Home

__all__ = ["Mounts", "find_mounts"]

_SYSTEM: Final = (
    "/usr",
    "/lib",
    "/lib32",
    "/lib64",
    "/bin",
    "/sbin",
    "/nix/store",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/localtime",
)
_PACKAGES: Final = ("openbeam", "openbeam_datasets", "openbeam_endpoint")


@dataclass(frozen=True)
class Mounts:
    """Paths that an engine sees at the place that they have here, none of them writable."""

    folders: tuple[Path, ...]
    links: tuple[tuple[Path, str], ...]
    """System folders that are symbolic links, and where they lead."""
    hidden: tuple[Path, ...]
    """Folders inside the others that must look empty."""
    python_path: tuple[str, ...]
    """Where our packages are, unless they are installed in the environment itself."""


def find_mounts() -> Mounts:
    """Return what an engine of this environment has to see."""
    system = [Path(name) for name in _SYSTEM if Path(name).exists()]
    links = tuple((path, str(path.readlink())) for path in system if path.is_symlink())
    python = [Path(sys.prefix), Path(sys.base_prefix), Path(sys.executable).resolve().parent.parent]
    packages = [folder for name in _PACKAGES for folder in _folders_of(name)]
    folders = _outermost([*(path for path in system if not path.is_symlink()), *python, *packages])
    home = Home.from_env().root
    return Mounts(
        folders=folders,
        links=links,
        hidden=(home,) if any(home.is_relative_to(folder) for folder in folders) else (),
        python_path=tuple(sorted({str(folder.parent) for folder in packages if folder in folders})),
    )


def _folders_of(package: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    return [Path(place) for place in (spec.submodule_search_locations or ())] if spec else []


def _outermost(paths: Iterable[Path]) -> tuple[Path, ...]:
    """Return the paths without those inside another one, each once."""
    found: list[Path] = []
    for path in paths:
        if not any(path.is_relative_to(other) for other in found):
            found.append(path)
    return tuple(found)
