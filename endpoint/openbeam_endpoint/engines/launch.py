"""An engine on its way up: its sandbox is launched, it connects, its workers become warm."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
from openbeam.errors import EngineFault
from openbeam.models import Isolation

from openbeam_endpoint.engines.line import LOOK, Line
from openbeam_endpoint.sandbox import site as elsewhere
from openbeam_endpoint.sandbox.choose import LAUNCHERS
from openbeam_endpoint.sandbox.folders import short_folder
from openbeam_endpoint.sandbox.heads import Fault, Ready
from openbeam_endpoint.sandbox.launch import SOCKET_NAME, Order, Sandbox
from openbeam_endpoint.sandbox.settings import OUTLET_NAME
from openbeam_endpoint.stageout.intake import Intake
from openbeam_endpoint.stageout.outlet import Outlet

__all__ = ["Launch"]

log = structlog.get_logger()

_LONGEST_REASON: Final = 300


class Launch:
    """One sandbox, from its launch to its end. ``close`` may be called at any time, from any thread.

    ``order`` says what is launched, with the folder where its socket will be.
    """

    def __init__(self, name: str, isolation: Isolation, order: Callable[[Path], Order]) -> None:
        self._name = name
        self._isolation = isolation
        self._order = order
        self._lock = threading.Lock()
        self._closed = False
        self._sandbox: Sandbox | None = None
        self._sockets: Path | None = None
        self._outlet: Outlet | None = None

    def connect(self, timeout: float) -> Line:
        """Launch the sandbox; return the line to it when every worker is warm.

        Raises
        ------
        EngineFault
            When that does not succeed within ``timeout`` seconds; then all is cleared away. ``details``: ``log``, what
            the sandbox wrote.

        """
        try:
            return self._connect(time.monotonic() + timeout)
        except (EngineFault, OSError) as error:
            written = self._sandbox.log() if self._sandbox else ""
            self.close()
            raise EngineFault(f"{error} {_last_line(written)}".strip(), log=written) from error

    def close(self) -> None:
        """End all that was launched; returns when nothing is left."""
        with self._lock:
            self._closed = True
            sandbox, self._sandbox = self._sandbox, None
            sockets, self._sockets = self._sockets, None
            outlet, self._outlet = self._outlet, None
        if sandbox is not None:
            sandbox.close()
        if sockets is not None:
            shutil.rmtree(sockets, ignore_errors=True)
        if outlet is not None:
            outlet.close()

    def expect(self, outputs: Intake | None) -> dict[str, Any] | None:
        """Return the order with which a task may hand over its outputs, if they are wanted."""
        outlet = self._outlet
        return outlet.expect(outputs) if outlet is not None and outputs is not None else None

    def _connect(self, deadline: float) -> Line:
        if self._closed:
            raise EngineFault("The engine was closed.")
        sockets = self._sockets = short_folder(None)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(sockets / SOCKET_NAME))
            listener.listen(1)
            order = self._order(sockets)
            self._outlet = Outlet(sockets / OUTLET_NAME, order.workers)
            launch = elsewhere.launch if order.site else LAUNCHERS[self._isolation]
            self._sandbox = launch(order)
            line = Line(self._accept(listener, deadline))
        # What is connected needs no name; so nothing stays on disk when the agent is killed.
        shutil.rmtree(sockets, ignore_errors=True)
        try:
            self._await_ready(line, deadline)
        except EngineFault:
            with line:
                raise
        return line

    def _accept(self, listener: socket.socket, deadline: float) -> socket.socket:
        listener.settimeout(LOOK)
        while time.monotonic() < deadline:
            try:
                return listener.accept()[0]
            except TimeoutError:
                self._check()
        raise EngineFault("The engine did not start in time.")

    def _await_ready(self, line: Line, deadline: float) -> None:
        while time.monotonic() < deadline:
            for head, _ in line.hear():
                match head:
                    case Ready(pool=pool, zygote=zygote):
                        log.debug("engine warm", engine=self._name, pool=round(pool, 1), zygote=round(zygote, 1))
                        return
                    case Fault(message=message):
                        raise EngineFault(message)
            self._check()
        raise EngineFault("The engine's workers were not ready in time.")

    def _check(self) -> None:
        sandbox = self._sandbox
        if self._closed or sandbox is None or not sandbox.running():
            raise EngineFault("The engine ended while it started.")


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:_LONGEST_REASON] if lines else ""
