"""Who may have workers forked: Parsl's manager alone.

The pool's workers are forks of a server that ``multiprocessing`` starts (``forkserver``), and that one does what it is
told by whoever reaches its socket: in Python 3.11, any process of the engine, a function's too. What such a process
says could end the server, or have it run code that no task's limits hold for. This is imported in that server.
"""

from __future__ import annotations

import errno
import os
import socket
from multiprocessing import reduction

from openbeam_endpoint.engine import kernel

__all__: list[str] = []

_receive = reduction.recvfds


def _from_manager(sock: socket.socket, size: int) -> list[int]:
    """Receive an order of the process that has started this one.

    Raises
    ------
    ConnectionAbortedError
        When it is anybody else's. The server goes on with the next one.

    """
    if kernel.peer(sock) != os.getppid():
        raise ConnectionAbortedError(errno.ECONNABORTED, "This order is not the manager's.")
    return _receive(sock, size)


reduction.recvfds = _from_manager
