"""How often somebody may try a password: counted by name and address, in a table of bounded size."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict, deque
from typing import Final

from openbeam.errors import TooMany

__all__ = ["Attempts"]

_MOST_KEYS: Final = 10_000


class Attempts:
    """At most ``limit`` tries a key within ``seconds``. A success forgives them.

    A try is counted before the password is looked at, so that many at once count as many.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit = limit
        self._seconds = seconds
        self._tries: OrderedDict[str, deque[float]] = OrderedDict()
        self._lock = threading.Lock()

    def spend(self, key: str) -> None:
        """Count a try.

        Raises
        ------
        TooMany
            When the tries are used up; ``retry_after`` says for how many seconds.

        """
        moment = time.monotonic()
        with self._lock:
            tries = self._tries.setdefault(key, deque(maxlen=self._limit))
            self._tries.move_to_end(key)
            if len(self._tries) > _MOST_KEYS:
                self._tries.popitem(last=False)
            if len(tries) == self._limit and moment - tries[0] < self._seconds:
                wait = math.ceil(self._seconds - (moment - tries[0]))
                raise TooMany(f"Too many tries. Wait {_plain(wait)}, then try again.", retry_after=wait)
            tries.append(moment)

    def forgive(self, key: str) -> None:
        """Forget the tries of a key."""
        with self._lock:
            self._tries.pop(key, None)


def _plain(seconds: int) -> str:
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
