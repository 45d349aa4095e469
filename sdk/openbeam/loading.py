"""Loading many modules at once, as every long-lived program does when it starts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["loading"]


@contextmanager
def loading() -> Iterator[None]:
    """Keep the garbage collector away inside the block.

    Modules are here to stay, and it looks at all of them again and again while more are loaded: nearly a third of the
    time in which the service starts.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
