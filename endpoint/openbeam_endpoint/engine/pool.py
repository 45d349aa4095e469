"""Parsl's high-throughput executor, set up for one machine and tasks that are bytes.

The executor is used without a DataFlowKernel, as Globus Compute does: the service keeps dependencies, retries and
results, and bytes need no serialising of functions. Blocks, interchange, manager and workers are Parsl's own.
"""

from __future__ import annotations

import os
import sys
import tempfile
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol

import psutil

from openbeam_endpoint.engine import program, worker
from openbeam_endpoint.sandbox.settings import Settings

__all__ = ["WORKER", "Pool", "Workers"]

WORKER: Final = "worker"
"""What ``Pool.processes`` calls a process that only its own task needs."""

_LABEL: Final = "pool"
_MEET_SECONDS: Final = 60.0
_LOOK: Final = 0.5
_HEARTBEAT: Final = 2
# Messages wake the loops anyway; Parsl's ten milliseconds keep an idle engine busy.
_POLL_MILLISECONDS: Final = 500
_HEARTBEATS_LOST: Final = 8
# So that as many workers start as asked for, however few cores there are.
_CORES_A_WORKER: Final = 1e-6


class Workers(Protocol):
    """The workers of one engine, wherever they are."""

    @property
    def room(self) -> int:
        """Tasks that there are workers for now."""

    def waits(self, count: int) -> None:
        """Hear how many tasks wait for a worker."""

    def submit(self, frame: bytes) -> Future[bytes]:
        """Have a worker run a ``run`` frame; its future's result is the frame that answers it. One thread only."""

    def processes(self) -> dict[int, str]:
        """Return the ids and names of all processes here that the engine needs."""


class Pool:
    """The workers of an engine on this machine."""

    def __init__(self, settings: Settings, zygote: int, address: Path) -> None:
        self._settings = settings
        self._zygote = zygote
        self._address = address
        self._folder = Path(tempfile.mkdtemp(prefix="parsl-", dir=settings.scratch))
        self._run = {"task_executor": {"f": f"{worker.__name__}.run"}}
        self._workers: set[int] = set()
        self._executor = self._make()

    def _make(self) -> Any:
        import_module(program.LEAN)
        from parsl.executors.high_throughput.executor import DEFAULT_LAUNCH_CMD, HighThroughputExecutor
        from parsl.launchers import SimpleLauncher
        from parsl.providers import LocalProvider

        start = f"exec {sys.executable} -m {program.__name__} {program.POOL}"
        return HighThroughputExecutor(
            label=_LABEL,
            provider=LocalProvider(init_blocks=1, min_blocks=1, max_blocks=1, launcher=SimpleLauncher()),
            launch_cmd=DEFAULT_LAUNCH_CMD.replace(f"{program.POOL}.py", start),
            interchange_launch_cmd=[sys.executable, "-m", program.__name__, program.INTERCHANGE],
            address="127.0.0.1",
            max_workers_per_node=self._settings.workers,
            cores_per_worker=_CORES_A_WORKER,
            prefetch_capacity=0,
            poll_period=_POLL_MILLISECONDS,
            heartbeat_period=_HEARTBEAT,
            heartbeat_threshold=_HEARTBEATS_LOST,
            block_error_handler=False,
            encrypted=bool(self._settings.encrypted),
        )

    def start(self) -> None:
        """Start interchange, manager and workers; returns when every worker has run something.

        Raises
        ------
        Exception
            Whatever Parsl raises when it cannot.

        """
        self._executor.run_id = _LABEL
        self._executor.run_dir = str(self._folder)
        scripts = self._folder / "scripts"
        scripts.mkdir()
        self._executor.provider.script_dir = str(scripts)
        os.environ.update({program.ENGINE_PID: str(os.getpid()), program.ZYGOTE: str(self._address)})
        # Memory that a large result took goes back to the machine.
        os.environ.update(MALLOC_ARENA_MAX="2", MALLOC_MMAP_THRESHOLD_="1048576", MALLOC_TRIM_THRESHOLD_="1048576")
        self._executor.start()
        self._executor.scale_out_facade(1)
        self._meet()

    def _meet(self) -> None:
        place = self._folder / "meet"
        place.mkdir()
        arguments = (str(place), self._settings.workers, _MEET_SECONDS)
        context = {"task_executor": {"f": f"{worker.__name__}.meet", "a": arguments}}
        futures = {self._executor.submit_payload(context, b"") for _ in range(self._settings.workers)}
        while futures:
            done, futures = wait(futures, _LOOK, FIRST_COMPLETED)
            for future in done:
                self._workers.add(int(future.result()))
            self._check_block()

    def _check_block(self) -> None:
        provider = self._executor.provider
        for status in provider.status(list(provider.resources)):
            if status.terminal:
                raise ChildProcessError(f"Parsl's workers ended: {(status.stderr or '').strip()[-500:]}")

    @property
    def room(self) -> int:
        """Tasks that there are workers for."""
        return self._settings.workers

    def waits(self, count: int) -> None:
        """Do nothing: there are always as many workers."""

    def submit(self, frame: bytes) -> Future[bytes]:
        """Have a worker run a ``run`` frame; its future's result is the frame that answers it. One thread only."""
        future: Future[bytes] = self._executor.submit_payload(self._run, frame)
        return future

    def processes(self) -> dict[int, str]:
        """Return the ids and names of all processes that the engine needs, the zygote's children left out."""
        needed = {self._zygote: "zygote"}
        others = [process for process in psutil.Process().children() if process.pid != self._zygote]
        for process in [*others, *(member for other in others for member in other.children(recursive=True))]:
            with suppress(psutil.NoSuchProcess):
                if process.status() != psutil.STATUS_ZOMBIE:
                    needed[process.pid] = WORKER if process.pid in self._workers else _name(process)
        return needed


def _name(process: psutil.Process) -> str:
    command = " ".join(process.cmdline())
    named = {"interchange": "interchange", f"{program.__name__} {program.POOL}": "manager"}
    return next((name for mark, name in named.items() if mark in command), "helper")
