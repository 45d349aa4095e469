"""Makes Parsl's processes small: imported before Parsl in each of them, for what it does.

Parsl imports SQLAlchemy wherever it is installed, for a monitoring database that an engine has no use for; without it
each of its processes starts in half the time with a third less memory. Its logs say three lines a task, which would
fill the sandbox's memory in time. And where nothing ends Parsl's processes from outside, each ends with its parent.
"""

from __future__ import annotations

import logging
import os
import sys

from openbeam_endpoint.engine import kernel

# None is Python's own mark for a module that must not be imported: Parsl goes on as if it were not installed.
sys.modules.setdefault("sqlalchemy", None)  # type: ignore[arg-type]

logging.disable(logging.INFO)

kernel.die_with_parent(os.getppid())
# The kernel asks this of each process anew; the pool's are forked.
os.register_at_fork(after_in_child=lambda: kernel.die_with_parent(os.getppid()))
