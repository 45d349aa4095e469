"""The first process of an engine's container that somebody else keeps running: it waits for an engine to be asked for.

It connects to the agent's socket, gets an engine's command line together with a connected socket, starts that engine,
and ends with it. The container's end is what clears up: it is started again, empty, and waits for the next engine.

No function can hold this up. Signals from inside do not reach a namespace's first process, and nobody may trace it.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final, NoReturn

from openbeam_endpoint.engine import kernel
from openbeam_endpoint.sandbox.settings import SEAT_ORDER

__all__ = ["main"]

_ENGINE: Final = "openbeam_endpoint.engine.main"
_GIVEN: Final = 2
_PAUSE: Final = 0.2
_LOOK: Final = 0.5
_TAIL: Final = 8 * 1024


def _connect(address: str) -> socket.socket:
    """Return a connection to the agent, however long it is away."""
    while True:
        link = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            link.connect(address)
        except OSError:
            link.close()
            time.sleep(_PAUSE)
        else:
            return link


def _wait(link: socket.socket) -> tuple[list[str], list[int]]:
    """Return an engine's arguments, its socket and its way to that for outputs; ends when the agent goes away."""
    data, given, _, _ = socket.recv_fds(link, SEAT_ORDER, _GIVEN)
    if not data or len(given) != _GIVEN:
        _end()
    order = json.loads(data)
    return [str(argument) for argument in order["arguments"]], given


def _start(arguments: list[str], given: list[int], output: int, environment: dict[str, str]) -> int:
    places = [f"--{name}=/dev/fd/{number}" for name, number in zip(("socket", "outlet"), given, strict=True)]
    command = [sys.executable, "-m", _ENGINE, *arguments, *places, f"--scratch={_scratch()}"]
    engine = subprocess.Popen(  # noqa: S603 - our own program
        command,
        env=environment,
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        pass_fds=given,
        start_new_session=True,
    )
    for number in (*given, output):
        os.close(number)
    return engine.pid


def _scratch() -> str:
    """Return the folder that is empty when the container starts."""
    return os.environ.get("TMPDIR", "/tmp")  # noqa: S108 - the container's own


def _environment(home: str) -> dict[str, str]:
    from openbeam_endpoint.sandbox.launch import environment  # what it imports is needed once, and not while waiting

    return environment(home, [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path])


def _reaped(engine: int) -> bool:
    """Bury the dead, whose parent a namespace's first process is; say whether the engine is among them."""
    with suppress(ChildProcessError):
        while (pid := os.waitpid(-1, os.WNOHANG)[0]) != 0:
            if pid == engine:
                return True
        return False
    return True


def _mind(link: socket.socket, engine: int, output: int) -> None:
    """Return when the engine has ended, having told the agent its last words, or when the agent wants it to end."""
    tail, ended, open_ = b"", False, [link.fileno(), output]
    while not ended and link.fileno() in open_:
        ready, _, _ = select.select(open_, [], [], _LOOK)
        ended = _reaped(engine)
        if output in ready:
            data = os.read(output, _TAIL)
            tail = (tail + data)[-_TAIL:]
            if not data:
                open_.remove(output)
        if link.fileno() in ready:
            open_.remove(link.fileno())
    if output not in open_:
        output = os.open(os.devnull, os.O_RDONLY)
    with suppress(OSError):
        os.set_blocking(output, False)
        link.send((tail + os.read(output, _TAIL))[-_TAIL:], socket.MSG_DONTWAIT)


def _end() -> NoReturn:
    os._exit(0)


def main() -> None:
    """Wait for one engine, run it, and end."""
    kernel.hide_from_tracers()
    link = _connect(str(Path(sys.argv[1])))
    arguments, given = _wait(link)
    output, into = os.pipe()
    _mind(link, _start(arguments, given, into, _environment(_scratch())), output)
    _end()


if __name__ == "__main__":
    main()
