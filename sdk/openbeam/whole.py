"""Files that are there as a whole or not at all, and that only their owner can read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

__all__ = ["replacing"]


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Yield a new file. Afterwards it stands at ``path``, written to the disk; not when something is raised."""
    handle, fresh = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # for its owner only, by its nature
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(fresh).replace(path)
    finally:
        Path(fresh).unlink(missing_ok=True)
