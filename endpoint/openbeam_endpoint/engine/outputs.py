"""Files that a task hands over: all that is in its folder ``outputs`` when the function has returned, and nothing else.

Runs in the task's own process, so the agent believes none of it: it gets names and bytes, and checks them again. What
is found here gives the author a better message.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from openbeam.errors import EngineFault, ResultRefused

from openbeam_endpoint import wire

__all__ = ["FOLDER", "OUTLET", "hand_over"]

FOLDER: Final = "outputs"
OUTLET: Final = 4
"""Descriptor of the agent's socket for outputs, in a task's process."""

_READ: Final = 1024 * 1024
_FLAGS: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class _Found:
    name: str
    size: int
    file: BinaryIO


def hand_over(home: Path, order: dict[str, Any]) -> None:
    """Send the files in ``outputs`` to the agent, as its ``order`` says: at most so many ``files`` and ``bytes``.

    Raises
    ------
    ResultRefused
        When there is something that cannot be handed over; then nothing is.
    EngineFault
        When the agent does not take them.

    """
    with ExitStack() as opened:
        found = _look(home, order, opened)
        if found:
            try:
                _send(found, str(order["secret"]))
            except OSError as error:
                raise EngineFault(f"The outputs did not reach the endpoint: {error.strerror}.") from error


def _look(home: Path, order: dict[str, Any], opened: ExitStack) -> list[_Found]:
    try:
        folder = os.open(home / FOLDER, _FLAGS | os.O_DIRECTORY)
    except OSError as error:
        raise ResultRefused(f"The folder {FOLDER} is not there any more: {error.strerror}.") from error
    opened.callback(os.close, folder)
    found: list[_Found] = []
    size = 0
    for name in _names(folder, int(order["files"])):
        found.append(_opened(folder, name, opened))
        size += found[-1].size
        if size > order["bytes"]:
            raise ResultRefused(
                f"The outputs have more than {order['bytes']:,} bytes, which is what this endpoint takes from a task.",
                size=size,
                limit=order["bytes"],
            )
    return found


def _names(folder: int, most: int) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries, start=1):
            if count > most:
                raise ResultRefused(f"There are more than {most} outputs. Write fewer and larger files.", limit=most)
            yield entry.name


def _opened(folder: int, name: str, opened: ExitStack) -> _Found:
    """Open a file as it is: no link is followed, and nothing is waited for."""
    try:
        number = os.open(name, _FLAGS, dir_fd=folder)
    except OSError as error:
        raise _odd(name) from error
    about = os.fstat(number)
    if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1:
        os.close(number)
        raise _odd(name)
    return _Found(name, about.st_size, opened.enter_context(os.fdopen(number, "rb")))


def _odd(name: str) -> ResultRefused:
    return ResultRefused(
        f"{FOLDER}/{name[:100]} is not a file of its own. Put plain files into {FOLDER}: no folders, no links."
    )


def _send(found: list[_Found], secret: str) -> None:
    with socket.socket(socket.AF_UNIX) as agent:
        agent.connect(f"/proc/self/fd/{OUTLET}")
        try:
            _say(agent, {"op": "outputs", "secret": secret})
            for one in found:
                _send_file(agent, one)
            _say(agent, {"op": "end"})
        except (BrokenPipeError, ConnectionResetError):
            # It has heard enough; why, it says.
            pass
        answer = wire.receive(agent)
    if answer is None:
        raise EngineFault("The endpoint did not take the outputs.")
    if answer[0]["op"] != "kept":
        raise ResultRefused(str(answer[0].get("message", "The endpoint did not take the outputs.")))


def _send_file(agent: socket.socket, one: _Found) -> None:
    _say(agent, {"op": "file", "name": one.name, "size": one.size})
    left = one.size
    while left and (data := one.file.read(min(left, _READ))):
        _say(agent, {"op": "data"}, data)
        left -= len(data)


def _say(agent: socket.socket, head: dict[str, Any], body: bytes = b"") -> None:
    # A task's process is ended by a pipe that nobody reads, as programs expect; an agent that hangs up has its reason.
    agent.sendall(wire.encode(head, body), socket.MSG_NOSIGNAL)
