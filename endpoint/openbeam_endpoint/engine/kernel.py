"""The few calls of the kernel and of C that Python's library does not have."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import struct
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = [
    "adopt_orphans",
    "children",
    "cpu_seconds",
    "die_with_parent",
    "flush_streams",
    "give_back_memory",
    "hide_from_tracers",
    "no_new_privileges",
    "peer",
]

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_CHILD_SUBREAPER: Final = 36
_PR_SET_NO_NEW_PRIVS: Final = 38
_UTIME: Final = 11
"""Where in ``/proc/PID/stat``, after the name, the four counts of CPU time begin."""

_libc = ctypes.CDLL(None, use_errno=True)


def _prctl(option: int, value: int) -> None:
    if _libc.prctl(option, value, 0, 0, 0) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when ``parent`` ends. Exits at once when it has ended already."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def hide_from_tracers() -> None:
    """Let nobody of the same user read this process's memory and files, or stop it as a debugger does."""
    _prctl(_PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """Make this process the parent of descendants whose own parent ends, so that it can end them."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def no_new_privileges() -> None:
    """Let no program that this process starts gain rights (setuid has no effect any more)."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def flush_streams() -> None:
    """Let what C and C++ code printed leave this process: they keep it back where nobody is at a terminal."""
    _libc.fflush(None)


def give_back_memory() -> None:
    """Return freed memory to the machine: a fork copies what is left faster. Does nothing where libc cannot."""
    with suppress(AttributeError):
        _libc.malloc_trim(0)


def peer(line: socket.socket) -> int:
    """Return the id of the process that connected to a unix socket of ours."""
    pid, _, _ = struct.unpack("3i", line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(pid)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, of all that live below it, and of those that were waited for."""
    ticks, family = 0, [pid]
    while family:
        place = Path(f"/proc/{family.pop()}")
        # It may have ended, and a kernel may have been built without CONFIG_PROC_CHILDREN.
        with suppress(OSError):
            _, _, fields = (place / "stat").read_text().rpartition(")")
            ticks += sum(int(field) for field in fields.split()[_UTIME : _UTIME + 4])
            for thread in (place / "task").iterdir():
                family += [int(child) for child in (thread / "children").read_text().split()]
    return ticks / os.sysconf("SC_CLK_TCK")


def children() -> set[int]:
    """Return the process ids of this (single-threaded) process's children, ended ones included."""
    pid = os.getpid()
    try:
        return {int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}
    except FileNotFoundError:
        # A kernel built without CONFIG_PROC_CHILDREN.
        import psutil

        return {child.pid for child in psutil.Process(pid).children()}
