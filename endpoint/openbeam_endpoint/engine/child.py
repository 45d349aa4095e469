"""A forked child's life: shut in, one task, one answer, the end.

The child keeps two open files besides its standard streams: the leash, by which the zygote hands it the socket that its
task comes from and its answer goes to, and the pipes that it prints to; and the way to the agent's socket for outputs.

After a task of a series (a person's calls of one function) it stays a moment for the next one, unless the task left
anything behind that the next would notice.
"""

from __future__ import annotations

import fcntl
import os
import resource
import shutil
import signal
import socket
import sys
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
from openbeam.errors import DataUnavailable, EngineFault, OpenbeamError, TaskError

from openbeam_endpoint import wire
from openbeam_endpoint.engine import kernel, outputs
from openbeam_endpoint.engine.execute import execute
from openbeam_endpoint.engine.problems import answer, problem_of
from openbeam_endpoint.engine.worker import WENT
from openbeam_endpoint.sandbox.settings import Settings

__all__ = ["live"]

_LEASH: Final = 3
_GIVEN: Final = 3
_FIRST_TO_GO: Final = "900"
_MOST_FILES: Final = 1024
_STAYS_SECONDS: Final = 2.0
_MOST_TASKS: Final = 1_000
_MOST_GROWTH: Final = 64 * 1024**2
"""Bytes that tasks may leave behind in a child that stays."""


def live(parent: int, leash: int, home: Path, settings: Settings) -> NoReturn:
    """Be the child: called once, right after the fork, with the leash's descriptor; never returns."""
    status = 1
    with suppress(BaseException):
        os.setsid()
        kernel.die_with_parent(parent)
        _keep_only(leash, settings.way_out)
        _enter(home)
        _limit(settings)
        connection = _await_task()
        if connection is not None:
            with connection:
                status = _serve(connection, home, settings)
    os._exit(status)


def _keep_only(leash: int, outlet: int) -> None:
    outlet = fcntl.fcntl(outlet, fcntl.F_DUPFD_CLOEXEC, outputs.OUTLET + 1)
    os.dup2(leash, _LEASH, inheritable=False)
    os.dup2(outlet, outputs.OUTLET, inheritable=False)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.closerange(outputs.OUTLET + 1, os.sysconf("SC_OPEN_MAX"))


def _await_task() -> socket.socket | None:
    with socket.socket(fileno=_LEASH) as leash:
        _, descriptors, _, _ = socket.recv_fds(leash, 1, _GIVEN)
    if len(descriptors) != _GIVEN:
        return None
    connection, *pipes = descriptors
    os.set_inheritable(connection, False)
    _print_to(*pipes)
    return socket.socket(fileno=connection)


def _print_to(out: int, err: int) -> None:
    """Let standard output and error of all below Python go into these pipes."""
    for pipe, number in ((out, 1), (err, 2)):
        os.dup2(pipe, number)
        os.close(pipe)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(Exception):
            stream.flush()
    kernel.flush_streams()


def _enter(home: Path) -> None:
    os.umask(0o077)
    home.mkdir(mode=0o700)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)


def _begin(home: Path) -> None:
    """Be ready for a task, whatever the one before has changed."""
    os.chdir(home)
    os.environ["HOME"] = os.environ["TMPDIR"] = str(home)
    sys.stdout, sys.stderr = (os.fdopen(number, "w", 1, "utf-8", "replace", closefd=False) for number in (1, 2))
    # Every child has the zygote's generator otherwise, and "random" numbers would be the same in every chunk.
    np.random.seed()  # noqa: NPY002 - the one that an author's np.random.normal() uses


def _end(home: Path) -> bool:
    """Take away what a task wrote; False when it has made that impossible."""
    os.chdir("/")
    try:
        if any(home.iterdir()):
            shutil.rmtree(home)
            home.mkdir(mode=0o700)
    except OSError:
        return False
    return True


def _limit(settings: Settings) -> None:
    kernel.no_new_privileges()
    # When the machine runs out of memory, the kernel should take a task and not the engine.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(_FIRST_TO_GO)
    limits = {
        resource.RLIMIT_DATA: _data_now() + settings.memory,
        resource.RLIMIT_NPROC: settings.processes,
        resource.RLIMIT_FSIZE: settings.disk,
        resource.RLIMIT_NOFILE: _MOST_FILES,
        resource.RLIMIT_CORE: 0,
    }
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        most = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (most, most))


def _data_now() -> int:
    """Return the bytes that the zygote had allocated: a task's allowance comes on top."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmData:"))


def _serve(connection: socket.socket, home: Path, settings: Settings) -> int:
    """Answer a task, and those that follow it in its series; return the exit status."""
    most_data = _data_now() + _MOST_GROWTH
    for number in range(1, _MOST_TASKS + 1):
        request = _next_task(connection, None if number == 1 else _STAYS_SECONDS)
        if request is None:
            return WENT
        _begin(home)
        head, result = _answer(*request, home, settings)
        _flush()
        is_swept = _end(home)
        may_stay = request[0].get("series") and head["problem"] is None and number < _MOST_TASKS
        stays = bool(may_stay and is_swept and _left_nothing(most_data))
        connection.sendall(wire.encode({**head, "stays": stays}, result))
        if not stays:
            break
    return 0


def _next_task(connection: socket.socket, seconds: float | None) -> wire.Frame | None:
    connection.settimeout(seconds)
    try:
        return wire.receive(connection)
    except TimeoutError:
        return None
    finally:
        connection.settimeout(None)


def _left_nothing(most_data: int) -> bool:
    """Say whether a task has left no thread, no process and little memory for the next one to meet."""
    return threading.active_count() == 1 and not kernel.children() and _data_now() <= most_data


def _answer(head: dict[str, Any], body: bytes, home: Path, settings: Settings) -> wire.Frame:
    order = head.get("outputs")
    try:
        if order:
            (home / outputs.FOLDER).mkdir(mode=0o700)
        result = execute(body, settings.data)
        if order:
            outputs.hand_over(home, order)
    except TaskError as error:
        return answer(problem_of(error)), b""
    except FileNotFoundError as error:
        # It was cleared away between fetching and reading; the agent fetches it again.
        gone = DataUnavailable(
            f"The file {error} is not at the endpoint any more. Start the run again.", uri=str(error)
        )
        return answer(problem_of(gone, retry=True)), b""
    except OpenbeamError as error:
        return answer(problem_of(EngineFault(error.message, **error.details))), b""
    except Exception as error:  # noqa: BLE001 - no fault of the author's is told as one of theirs
        print(error, file=sys.stderr)  # noqa: T201
        return answer(problem_of(EngineFault(f"The engine failed: {type(error).__name__}: {error}"))), b""
    return answer(None), result
