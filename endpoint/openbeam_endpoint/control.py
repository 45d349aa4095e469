"""Agents as processes of their own: started so that they outlive the terminal, and stopped.

Whether one runs is what the lock in its folder says, so a process id that was left by a killed agent misleads nobody.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil
from openbeam.errors import Conflict, EngineFault
from openbeam.home import Home

from openbeam_endpoint import diary
from openbeam_endpoint.diary import Phase
from openbeam_endpoint.folder import Folder
from openbeam_endpoint.unit import unit_name

__all__ = ["process", "start", "stop", "under_systemd"]

_LOOK: Final = 0.1
_STOP_SECONDS: Final = 10.0
_LONGEST_REASON: Final = 1_000


def process(folder: Folder) -> psutil.Process | None:
    """Return the running agent; None when there is none."""
    with suppress(ValueError, psutil.NoSuchProcess):
        return psutil.Process(int(folder.running()))
    return None


def start(folder: Folder, seconds: float) -> bool:
    """Start an agent in the background; False when it is not ready to work after so many seconds, but lives.

    Raises
    ------
    Conflict
        When it runs already. ``details``: ``pid``.
    EngineFault
        When it ended while it started, with its reason.

    """
    if pid := folder.running():
        raise Conflict(f"The endpoint {folder.name} runs already (process {pid}).", pid=pid)
    # What does not go into its log: an end before there was one, or what a library prints.
    with folder.output_path.open("wb") as output:
        child = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "openbeam_endpoint", "start", "--quiet", folder.name],
            env=os.environ | {"OPENBEAM_HOME": str(Home.from_env().root)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if child.poll() is not None:
            raise EngineFault(_why(folder, child.pid), status=child.returncode)
        entry = diary.read(folder.state_path)
        if entry is not None and entry.pid == child.pid and entry.phase is Phase.ready:
            return True
        time.sleep(_LOOK)
    return False


def _why(folder: Folder, pid: int) -> str:
    entry = diary.read(folder.state_path)
    if entry is not None and entry.pid == pid and entry.reason:
        return entry.reason
    lines = folder.output_path.read_text(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "It said nothing.")
    return f"The endpoint {folder.name} ended while it started: {last[:_LONGEST_REASON]}"


def stop(folder: Folder) -> bool:
    """Stop the agent and everything that it started; False when none ran.

    It gives its tasks back first. One that does not end in time is killed, and its engines end with it.
    """
    agent = process(folder)
    if agent is None:
        return False
    with suppress(psutil.NoSuchProcess):
        agent.terminate()
        try:
            agent.wait(_STOP_SECONDS)
        except psutil.TimeoutExpired:
            agent.kill()
            agent.wait(_STOP_SECONDS)
    return True


def under_systemd(folder: Folder) -> bool:
    """Tell whether the running agent is the one of its systemd unit, which systemd has to start again."""
    agent = process(folder)
    with suppress(OSError):
        return agent is not None and f"/{unit_name(folder.name)}" in Path(f"/proc/{agent.pid}/cgroup").read_text()
    return False
