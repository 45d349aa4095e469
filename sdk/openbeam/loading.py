"""Loading many modules at once, as programs do when they start.

Modules are here to stay, and the garbage collector looks at all of them again and again while more are loaded: nearly a
third of the time in which the service starts.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["loading", "seldom"]

_OBJECTS: Final = 50_000
_STANDARD: Final = gc.get_threshold()


@contextmanager
def loading() -> Iterator[None]:
    """Keep the garbage collector away inside the block, and let it look as often as Python has it after."""
    gc.disable()
    try:
        yield
    finally:
        gc.set_threshold(*_STANDARD)
        gc.enable()


def seldom() -> None:
    """Let the collector look only now and then: for a command that loads much, does little, and ends."""
    gc.set_threshold(_OBJECTS)
