"""Starts a zygote: a fork of this process that has not imported anything heavy yet."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import suppress
from pathlib import Path

from openbeam.loading import loading

from openbeam_endpoint.engine import kernel
from openbeam_endpoint.sandbox.settings import Settings

__all__ = ["hatch"]


def hatch(settings: Settings, address: Path, *closed: socket.socket) -> tuple[socket.socket, int]:
    """Fork a zygote that workers reach at ``address``, without the sockets ``closed``; return its line and its id."""
    ours, theirs = socket.socketpair()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        with suppress(KeyboardInterrupt):
            for each in (*closed, ours):
                each.close()
            kernel.die_with_parent(parent)
            with loading():
                from openbeam_endpoint.engine import zygote

            try:
                zygote.run(settings, theirs, address)
            except Exception as error:  # noqa: BLE001 - the log is all there is to tell it to
                print("zygote:", type(error).__name__, error, file=sys.stderr, flush=True)  # noqa: T201
        os._exit(1)
    theirs.close()
    return ours, pid
