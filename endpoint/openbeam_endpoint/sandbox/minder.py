"""The minder: what a process-id namespace is to a sandbox, for an engine without one.

It is the parent of the engine and of every process that an engine's process leaves behind. When the engine or the agent
ends, or the minder is asked to, it ends them all, and then itself.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

from openbeam_endpoint.engine import kernel

__all__ = ["main"]


def mind(agent: int, seconds: float, command: Sequence[str]) -> None:
    """Run the command until it, or the agent, or this process is ended; it has some seconds to go by itself then."""
    kernel.adopt_orphans()
    asked, ask = os.pipe()
    signal.signal(signal.SIGTERM, lambda *_: os.write(ask, b"x"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Gone already when the agent was killed in this very moment.
    with suppress(ProcessLookupError):
        watched = [os.pidfd_open(agent)]
        engine = subprocess.Popen(command, stdin=subprocess.DEVNULL)  # noqa: S603 - the launcher's
        ended = os.pidfd_open(engine.pid)
        select.select([*watched, ended, asked], [], [])
        select.select([ended], [], [], seconds)
    end_children()


def end_children() -> None:
    """Kill all descendants: those of a killed child become children here, and their turn comes."""
    while strays := kernel.children():
        for stray in strays:
            with suppress(ProcessLookupError):
                os.kill(stray, signal.SIGKILL)
        with suppress(ChildProcessError):
            os.waitpid(-1, 0)


def main() -> None:
    """Mind: the arguments are the agent's process id, the engine's seconds and its own folder, and its command."""
    agent, seconds, folder, *command = sys.argv[1:]
    mind(int(agent), float(seconds), command)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
