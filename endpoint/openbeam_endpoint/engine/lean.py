"""Parsl, small and soon: imported before anything of Parsl in each of its processes.

Parsl imports SQLAlchemy wherever it is installed, for a monitoring database that an engine has no use for, and the
client of Kubernetes, which only an engine with blocks elsewhere may need: that one imports it before. It imports
requests, to ask a web service for its own address, which an engine never does, and has typeguard compile its functions
anew. Without all of them, and with the garbage collector away, each process starts with a fifth of the CPU time and
half of the memory. Parsl's logs say three lines a task, which would fill the sandbox's memory in time. And where
nothing ends its processes from outside, each ends with its parent.
"""

from __future__ import annotations

import logging
import os
import sys
from types import ModuleType

from openbeam.loading import loading

from openbeam_endpoint.engine import kernel, unguarded

# None is Python's own mark for a module that must not be imported: Parsl goes on as if it were not installed.
for _name in ("sqlalchemy", "kubernetes"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
sys.modules.setdefault("typeguard", unguarded)
_hollow = ModuleType("requests")
sys.modules.setdefault("requests", _hollow)
with loading():
    import parsl  # noqa: F401 - so that it is there
if sys.modules["requests"] is _hollow:
    # A provider of somebody else's may have a use for it.
    del sys.modules["requests"]

logging.disable(logging.INFO)

kernel.die_with_parent(os.getppid())
# The kernel asks this of each process anew; the pool's are forked.
os.register_at_fork(after_in_child=lambda: kernel.die_with_parent(os.getppid()))
