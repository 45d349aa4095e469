"""Runs one of Parsl's own programs: ``interchange`` or ``process_worker_pool``.

The pool's processes are forked from one that has Parsl imported. Parsl would start each from nothing, which costs
seconds and 45 MB a process.
"""

from __future__ import annotations

import os
import runpy
import select
import signal
import sys
import threading
import warnings
from contextlib import suppress
from importlib import import_module
from typing import Final

__all__ = ["ENGINE_PID", "INTERCHANGE", "LEAN", "POOL", "ZYGOTE", "main"]

INTERCHANGE: Final = "interchange"
POOL: Final = "process_worker_pool"
LEAN: Final = "openbeam_endpoint.engine.lean"
"""To be imported before Parsl, and never where an author's code runs."""
ENGINE_PID: Final = "OPENBEAM_ENGINE_PID"
"""The variable that tells a pool whom it belongs to."""
ZYGOTE: Final = "OPENBEAM_ZYGOTE"
"""The variable that tells workers where their zygote is."""

_FORKING: Final = "openbeam_endpoint.engine.forking"
_PACKAGE: Final = "parsl.executors.high_throughput"


def main() -> None:
    """Run the program that the first argument names, with the others as its own."""
    import_module(LEAN)
    name = sys.argv.pop(1)
    if name == POOL:
        _follow(int(os.environ[ENGINE_PID]))
        _fork_workers()
    # Both are meant to be run as scripts, and their package imports them as well.
    warnings.filterwarnings("ignore", "'parsl", RuntimeWarning, "runpy")
    runpy.run_module(f"{_PACKAGE}.{name}", run_name="__main__", alter_sys=True)


def _follow(engine: int) -> None:
    """End with the engine's first process: between it and the pool there is a shell that outlives it."""

    def wait() -> None:
        with suppress(ProcessLookupError):
            select.select([os.pidfd_open(engine)], [], [])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=wait, name="follow", daemon=True).start()


def _fork_workers() -> None:
    import multiprocessing

    import parsl.multiprocessing

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([LEAN, _FORKING, f"{_PACKAGE}.{POOL}", "openbeam_endpoint.engine.worker"])
    parsl.multiprocessing.SpawnContext = context


if __name__ == "__main__":
    main()
