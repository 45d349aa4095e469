"""A node of a block: a zygote and Parsl's pool of workers, both of them children of this process.

::

    main, interchange ==network== node -- pool (manager) -- workers (thin)
                                    |                          |
                                    '-- zygote --fork--> child (the author's code)

It begins when the scheduler starts it, and ends, with everything below it, when its pool or its zygote has ended. The
pool ends by itself when the interchange gives no sign of life: so nothing here outlives the agent for long.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

from openbeam.errors import EngineFault

from openbeam_endpoint import wire
from openbeam_endpoint.engine import kernel, program
from openbeam_endpoint.engine.hatch import hatch
from openbeam_endpoint.packages import environment_digest
from openbeam_endpoint.sandbox.folders import short_folder
from openbeam_endpoint.sandbox.launch import Order, environment, settings
from openbeam_endpoint.sandbox.minder import end_children
from openbeam_endpoint.sandbox.settings import Settings

__all__ = ["main"]

_READ: Final = 64 * 1024
_PROBE_MILLISECONDS: Final = 30_000
_GIB: Final = 1024**3
_KEPT: Final = ("LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES")
"""What ``worker_init`` may have set so that Python and its libraries work."""


def _arguments(command: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="openbeam-node")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--workers", type=int, required=True)
    parser.add_argument("--memory", type=float, required=True, help="GiB of this node; 0: all that it has")
    parser.add_argument("--cpu", type=int, required=True, help="CPU seconds of a task; 0: as its time limit")
    parser.add_argument("--environment", required=True, help="digest of what the agent has installed")
    parser.add_argument("--line", type=int, required=True, help="port of the switchboard")
    parser.add_argument("--addresses", required=True)
    parser.add_argument("--keys", required=True)
    end = command.index("--")
    return parser.parse_args(command[:end], argparse.Namespace(pool=command[end + 1 :]))


def _settings(asked: argparse.Namespace, scratch: Path) -> Settings:
    places = {"data": asked.data, "sockets": scratch, "scratch": scratch}
    order = Order(name="node", workers=asked.workers, cpu=asked.cpu or None, **places)
    mine = settings(order, sockets=scratch, data=asked.data, scratch=scratch, alone=False)
    # Nodes do not reach the agent's socket for outputs.
    mine = replace(mine, outlet=Path(os.devnull))
    share = int(asked.memory * _GIB) // (asked.workers + 1)
    return replace(mine, memory=min(mine.memory, share)) if share else mine


def _line(asked: argparse.Namespace) -> Any:
    """Return a line to the switchboard.

    Raises
    ------
    ConnectionError
        When none of the addresses leads to it.

    """
    import zmq
    from parsl import curvezmq
    from parsl.addresses import tcp_url
    from parsl.executors.high_throughput.probe import probe_addresses

    context = curvezmq.ClientContext(asked.keys)
    urls = {tcp_url(address, asked.line) for address in asked.addresses.split(",")}
    line = context.socket(zmq.DEALER)
    line.setsockopt(zmq.LINGER, 1_000)
    line.connect(probe_addresses(context, urls, timeout_ms=_PROBE_MILLISECONDS))
    return line


def _pool(arguments: Sequence[str], zygote: Path) -> subprocess.Popen[bytes]:
    # Memory that a large result took goes back to the machine.
    own = {"MALLOC_ARENA_MAX": "2", "MALLOC_MMAP_THRESHOLD_": "1048576", "MALLOC_TRIM_THRESHOLD_": "1048576"}
    # What Parsl's processes warn of would stand before what is wrong.
    own["PYTHONWARNINGS"] = "ignore::RuntimeWarning"
    return subprocess.Popen(  # noqa: S603 - our own program
        [sys.executable, "-m", program.__name__, program.POOL, *arguments],
        env=os.environ | own | {program.ENGINE_PID: str(os.getpid()), program.ZYGOTE: str(zygote)},
        stdin=subprocess.DEVNULL,
    )


def _wait(asked: argparse.Namespace, scratch: Path) -> None:
    """Work until something that is needed has ended.

    Raises
    ------
    EngineFault
        When this node cannot work.

    """
    address = scratch / "zygote.sock"
    # Before anything starts a thread: a fork would copy what that holds.
    control, zygote = hatch(_settings(asked, scratch), address)
    # Parsl's own processes are made small by this, and so is this one.
    import_module(program.LEAN)
    line = _line(asked)
    try:
        _check(asked.environment, control)
        line.send(wire.encode({"op": "up"}))
        pool = _pool(asked.pool, address)
        _relay(line, control, os.pidfd_open(zygote), os.pidfd_open(pool.pid))
    except EngineFault as error:
        line.send(wire.encode({"op": "fault", "message": f"{error.message} ({socket.gethostname()})"}))
        line.close()
        raise


def _check(wanted: str, zygote: socket.socket) -> None:
    """Wait until the zygote is warm; raises ``EngineFault`` when it is not the one that is wanted."""
    if wire.receive(zygote) is None:
        raise EngineFault("it could not import what functions need.")
    if environment_digest() != wanted:
        raise EngineFault(
            "it has other packages than the agent. Results are kept under the agent's: give both the same "
            "environment, or image."
        )


def _relay(line: Any, control: socket.socket, *needed: int) -> None:
    """Pass on what the zygote says, and what it is told, until a needed process has ended."""
    import zmq

    poller = zmq.Poller()
    for source in (line, control.fileno(), *needed):
        poller.register(source, zmq.POLLIN)
    while True:
        for source, _ in poller.poll():
            if source is line:
                control.sendall(line.recv())
            elif source == control.fileno() and (data := control.recv(_READ)):
                for head, _body in _decoder.feed(data):
                    line.send(wire.encode(head))
            else:
                return


_decoder: Final = wire.Decoder()


def _stop(*_: object) -> NoReturn:
    sys.exit(0)


def main() -> None:
    """Run a node."""
    asked = _arguments(sys.argv[1:])
    kernel.adopt_orphans()
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    scratch = short_folder(None)
    paths = [path for path in os.environ.get("PYTHONPATH", "").split(os.pathsep) if path]
    # Nothing else that the scheduler or the submitting account has in its environment is for functions.
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    os.environ.clear()
    os.environ.update(environment(str(scratch), paths) | kept)
    try:
        _wait(asked, scratch)
    except (EngineFault, OSError) as error:
        print(error, file=sys.stderr, flush=True)  # noqa: T201 - the scheduler keeps it
        sys.exit(1)
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        end_children()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
