"""What every launcher is given and gives back, and the process that most of them are."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Protocol

import psutil
from openbeam.errors import EngineFault

from openbeam_endpoint.providers.settings import Site
from openbeam_endpoint.sandbox.settings import OUTLET_NAME, Settings

__all__ = [
    "ENGINE",
    "SOCKET_NAME",
    "Order",
    "ProcessSandbox",
    "Sandbox",
    "environment",
    "most_processes",
    "settings",
]

ENGINE: Final = "openbeam_endpoint.engine.main"
SOCKET_NAME: Final = "agent.sock"

_GIB: Final = 1024**3
_SPARE_PROCESSES: Final = 256
_PROCESSES_A_WORKER: Final = 8
_LARGEST_FILE: Final = _GIB
_LOG_TAIL: Final = 8 * 1024
_END_SECONDS: Final = 10.0


@dataclass(frozen=True)
class Order:
    """An engine that shall be launched."""

    name: str
    workers: int
    data: Path
    """The file cache."""
    sockets: Path
    """A folder of this engine's own, with the agent's socket in it."""
    scratch: Path | None
    """Where launchers without a file system of their own may make a folder; None for the temporary folder."""
    cpu: int | None = None
    """CPU seconds that a task may use; None for as many as its time limit has."""
    site: Site | None = None
    """Where its tasks run, unless that is this machine."""


class Sandbox(Protocol):
    """An engine that was launched."""

    def running(self) -> bool:
        """Say whether its first process lives."""

    def log(self) -> str:
        """Return the last of what its processes wrote, for an error's details."""

    def close(self) -> None:
        """End all of it; returns when nothing is left."""


def environment(home: str, python_path: Sequence[str]) -> dict[str, str]:
    """Return the whole environment of an engine; nothing of the agent's own is in it."""
    one_thread = ("OMP", "OPENBLAS", "MKL", "NUMEXPR", "NUMBA")
    return {
        "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
        "HOME": home,
        "TMPDIR": home,
        "LOGNAME": "openbeam",
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(python_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONSAFEPATH": "1",
        "PYTHONUNBUFFERED": "1",
        # The zygote must have one thread when it forks; cores are shared by having many workers.
        **{f"{library}_NUM_THREADS": "1" for library in one_thread},
    }


def settings(
    order: Order, *, sockets: Path, data: Path, scratch: Path, alone: bool, site: Path | None = None
) -> Settings:
    """Return the engine's settings, with the paths as the engine sees them.

    ``alone`` says that it has process ids and ports of its own.
    """
    share = psutil.virtual_memory().total // (order.workers + 1)
    return Settings(
        socket=sockets / SOCKET_NAME,
        outlet=sockets / OUTLET_NAME,
        data=data,
        scratch=scratch,
        workers=order.workers,
        memory=min(max(share, _GIB), 2 * _GIB),
        processes=_threads_now() + most_processes(order.workers),
        crowd=most_processes(order.workers) if alone else 0,
        disk=_LARGEST_FILE,
        cpu=order.cpu or 0,
        encrypted=int(not alone),
        site=site,
    )


def most_processes(workers: int) -> int:
    """Return how many processes an engine may have in all."""
    return _SPARE_PROCESSES + _PROCESSES_A_WORKER * workers


def _threads_now() -> int:
    """Return how many threads this user has: older kernels count them all against a sandbox's limit."""
    mine, count = os.getuid(), 0
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            count += process.num_threads() if process.uids().real == mine else 0
    return count


@cache
def _spawner() -> ThreadPoolExecutor:
    # Linux kills a --die-with-parent child when the thread that started it ends, so one that stays starts them all.
    return ThreadPoolExecutor(1, thread_name_prefix="spawner")


class ProcessSandbox:
    """A sandbox that is a process of this machine; it ends when this process ends, however that happens.

    ``folder`` is removed with it.
    """

    def __init__(self, command: Sequence[str], env: Mapping[str, str], folder: Path | None = None) -> None:
        self._folder = folder
        try:
            self._process = _spawner().submit(_spawn, command, env).result()
        except OSError as error:
            raise EngineFault(f"{command[0]} could not be started: {error.strerror or error}.") from error
        self._tail = bytearray()
        self._reader = threading.Thread(target=self._read, name="engine-log", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        # A pipe and not a file: what runs in the sandbox can write to it without end.
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        while data := os.read(self._process.stdout.fileno(), _LOG_TAIL):
            self._tail += data
            del self._tail[:-_LOG_TAIL]

    @property
    def pid(self) -> int:
        """The first process, as this machine numbers it."""
        return self._process.pid

    def running(self) -> bool:
        """Say whether its first process lives."""
        return self._process.poll() is None

    def log(self) -> str:
        """Return the last of what its processes wrote."""
        return bytes(self._tail).decode("utf-8", "replace").strip()

    def close(self) -> None:
        """End all of it: the first process takes the others along."""
        self._process.terminate()
        try:
            self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(_END_SECONDS)
        if self._process.stdout is not None:
            self._process.stdout.close()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)


def _spawn(command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        env=env,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
