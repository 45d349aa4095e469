"""No sandbox: processes of the agent's own user, for an owner's own functions on a machine without anything better.

Nothing is hidden from them. What is kept is order: limits on each task, and a minder that ends all of them.
"""

from __future__ import annotations

import os
import sys

from openbeam_endpoint.sandbox import minder
from openbeam_endpoint.sandbox.folders import short_folder
from openbeam_endpoint.sandbox.launch import ENGINE, Order, ProcessSandbox, environment, settings
from openbeam_endpoint.sandbox.mounts import find_mounts

__all__ = ["launch"]


def launch(order: Order) -> ProcessSandbox:
    """Start an engine below a minder, which removes its folder when nobody else is left to."""
    scratch = short_folder(order.scratch)
    inside = settings(order, sockets=order.sockets, data=order.data, scratch=scratch, alone=False)
    engine = [sys.executable, "-m", ENGINE, *inside.command()]
    command = [sys.executable, "-m", minder.__name__, str(os.getpid()), "0", str(scratch), *engine]
    return ProcessSandbox(command, environment(str(scratch), find_mounts().python_path), scratch)
