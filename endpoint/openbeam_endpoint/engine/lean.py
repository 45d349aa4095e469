"""Parsl, small and soon: imported before anything of Parsl in each of its processes.

Parsl imports SQLAlchemy wherever it is installed, for a monitoring database that an engine has no use for, and the
client of Kubernetes, which only an engine with blocks elsewhere may need: that one imports it before. Without both, and
with the garbage collector away, each process starts with half of the CPU time and four fifths of the memory. Parsl's
logs say three lines a task, which would fill the sandbox's memory in time. And where nothing ends its processes from
outside, each ends with its parent.
"""

from __future__ import annotations

import logging
import os
import sys

from openbeam.loading import loading

from openbeam_endpoint.engine import kernel

# None is Python's own mark for a module that must not be imported: Parsl goes on as if it were not installed.
for _name in ("sqlalchemy", "kubernetes"):
    sys.modules.setdefault(_name, None)  # type: ignore[arg-type]
with loading():
    import parsl  # noqa: F401 - so that it is there

logging.disable(logging.INFO)

kernel.die_with_parent(os.getppid())
# The kernel asks this of each process anew; the pool's are forked.
os.register_at_fork(after_in_child=lambda: kernel.die_with_parent(os.getppid()))
