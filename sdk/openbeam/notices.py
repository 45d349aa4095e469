"""What there is to say besides an answer, as Python's warnings."""

from __future__ import annotations

import inspect
import warnings
from typing import Final

__all__ = ["tell"]

_NOT_THE_CALLERS: Final = {"openbeam", "tenacity"}


def tell(*notices: str) -> None:
    """Warn of each at the line of the program that called this package."""
    frame, level = inspect.currentframe(), 1
    while frame and frame.f_back and str(frame.f_globals.get("__name__")).partition(".")[0] in _NOT_THE_CALLERS:
        frame, level = frame.f_back, level + 1
    for notice in notices:
        warnings.warn(notice, stacklevel=level)
