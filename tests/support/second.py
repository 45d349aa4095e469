"""Second implementations of analyses, which share no code with the first: plain Python, event by event."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from openbeam_catalog.reference import Reference, Second

from support import adl
from support.plain import PLAIN
from support.runs import Files

__all__ = ["SECOND", "second"]

Values = np.ndarray[Any, Any]

SECOND: Final[Mapping[str, Callable[[list[Path], int, int], Mapping[str, Values]]]] = {**adl.QUERIES, **PLAIN}
"""Name to what makes, of the events ``start`` to ``stop`` of some files, the bins of each histogram, ends included."""


def second(files: Files, reference: Reference) -> Second:
    """Return what gives the bins of a second implementation, on the events of a reference."""
    return lambda name: SECOND[name](files(reference.dataset), *reference.events)
