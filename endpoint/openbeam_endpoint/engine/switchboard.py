"""One line between an engine's first process and the zygotes of all its nodes.

::

    main --socket pair-- switchboard ==ZeroMQ, encrypted== node -- zygote

Main sees the same line as to a zygote of its own: it hears ``running``, and its ``cancel`` reaches every node. Messages
are frames of JSON, never pickles; the keys are those that Parsl made for this engine, in a folder of its owner's alone.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Final

import zmq
from openbeam.errors import EngineFault
from parsl import curvezmq

from openbeam_endpoint import wire

__all__ = ["Switchboard"]

_READ: Final = 64 * 1024
_MOST_NODES: Final = 100_000
_PROBE_MOST: Final = 4096


class Switchboard:
    """Answers at ``port``. ``on_fault`` gets what a node says before it gives up; it is called in a thread."""

    def __init__(self, keys: str, on_fault: Callable[[str], None]) -> None:
        self.line, self._main = socket.socketpair()
        self._on_fault = on_fault
        self._nodes: dict[bytes, None] = {}
        self._decoder = wire.Decoder()
        # Never closed: it ends with the process.
        self._context = curvezmq.ServerContext(keys)
        self._router = self._context.socket(zmq.ROUTER)
        self._router.setsockopt(zmq.LINGER, 0)
        self._router.setsockopt(zmq.MAXMSGSIZE, max(wire.MAX_HEAD, _PROBE_MOST))
        self.port = int(self._router.bind_to_random_port("tcp://*"))
        threading.Thread(target=self._serve, name="switchboard", daemon=True).start()

    def _serve(self) -> None:
        poller = zmq.Poller()
        poller.register(self._router, zmq.POLLIN)
        poller.register(self._main, zmq.POLLIN)
        while True:
            for source, _ in poller.poll():
                if source is self._router:
                    self._hear(*self._router.recv_multipart())
                else:
                    self._tell(self._main.recv(_READ))

    def _hear(self, node: bytes, message: bytes, *_: bytes) -> None:
        try:
            frames = list(wire.Decoder().feed(message))
        except EngineFault:
            # Parsl's way to find out by which address it gets here: any answer does.
            self._router.send_multipart([node, b""])
            return
        for head, _body in frames:
            if head["op"] == "fault":
                self._on_fault(str(head.get("message", "")))
            elif head["op"] == "running":
                self._main.sendall(wire.encode(head))
            elif len(self._nodes) < _MOST_NODES:
                self._nodes[node] = None

    def _tell(self, data: bytes) -> None:
        for head, _body in self._decoder.feed(data):
            for node in self._nodes:
                self._router.send_multipart([node, wire.encode(head)])
