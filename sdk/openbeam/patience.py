"""How long a service that is away is waited for: it starts again, or the network has a bad minute."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from typing import Final, TypeVar

from openbeam.errors import OpenbeamError, ServiceFault, ServiceUnavailable

__all__ = ["PATIENCE", "Patience", "is_away", "patiently", "pauses"]

T = TypeVar("T")

PATIENCE: Final = 120.0
"""Seconds without a sign of the service before whoever waits is told."""

_FIRST_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 5.0
_GATEWAY: Final = {502, 503, 504}
"""What a proxy answers when the service behind it does not."""

_log = logging.getLogger("openbeam")


def pauses(patience: float) -> Iterator[float]:
    """Yield how long to wait before each new try, longer each time, until ``patience`` seconds are over."""
    end, pause = time.monotonic() + patience, _FIRST_PAUSE
    while time.monotonic() < end:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)


def is_away(error: Exception) -> bool:
    """Tell whether the service may answer when it is asked again."""
    return isinstance(error, ServiceUnavailable) or (
        isinstance(error, ServiceFault) and error.details.get("status") in _GATEWAY
    )


class Patience:
    """One wait, through as many absences of the service as there are."""

    def __init__(self, seconds: float = PATIENCE) -> None:
        self._seconds = seconds
        self._pauses: Iterator[float] | None = None
        self._told = False

    def well(self) -> None:
        """Say that the service has answered: the next absence is a new one."""
        self._pauses, self._told = None, False

    def pause(self, error: OpenbeamError) -> float:
        """Return how long to wait before the next try; raise the error when another would not help any more."""
        if not is_away(error):
            raise error
        if self._pauses is None:
            self._pauses = pauses(self._seconds)
        elif not self._told:
            # Not at the first time: a connection may just have broken.
            self._told = True
            _log.warning("%s Trying again for %g s.", error.message, self._seconds)
        pause = next(self._pauses, None)
        if pause is None:
            raise error
        return pause


def patiently(ask: Callable[[], T], seconds: float = PATIENCE) -> T:
    """Return what ``ask`` returns, asking again while the service is away: for what changes nothing when done twice."""
    patience = Patience(seconds)
    while True:
        try:
            return ask()
        except OpenbeamError as error:
            time.sleep(patience.pause(error))
