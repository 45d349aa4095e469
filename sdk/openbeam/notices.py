"""What the service has to say besides an answer, as Python's warnings."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

__all__ = ["show"]


def show(notices: Sequence[str]) -> None:
    """Warn of each at the line that called the method which calls this."""
    for notice in notices:
        warnings.warn(notice, stacklevel=3)
