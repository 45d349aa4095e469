"""How fast tasks end here: of short ones more are kept at hand, so that a request to the service brings many."""

from __future__ import annotations

import time
from typing import Final

__all__ = ["Pace"]

_AHEAD_SECONDS: Final = 0.5
"""For so long what is at hand should last: a round trip to a busy service takes less."""
_MOST: Final = 128
_WEIGHT: Final = 0.1


class Pace:
    """The average time between two ends, while there is work."""

    def __init__(self) -> None:
        self._gap: float | None = None
        self._last: float | None = None

    def ended(self) -> None:
        """Note that a task has ended."""
        moment = time.monotonic()
        if self._last is not None:
            gap = moment - self._last
            self._gap = gap if self._gap is None else (1 - _WEIGHT) * self._gap + _WEIGHT * gap
        self._last = moment

    def rest(self) -> None:
        """Note that there is no work: the time from here to the next end says nothing."""
        self._last = None

    def ahead(self) -> int:
        """Return how many tasks to keep at hand, besides those that workers have."""
        if self._gap is None:
            return 0
        return min(_MOST, int(_AHEAD_SECONDS / max(self._gap, _AHEAD_SECONDS / _MOST)))
