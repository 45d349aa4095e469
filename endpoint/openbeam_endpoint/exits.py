"""Exit statuses, for those who start an endpoint by a program."""

from __future__ import annotations

from typing import Final

from openbeam.errors import InvalidInput, NotAllowed, NotSignedIn

__all__ = ["FINAL", "NOT_RUNNING", "exit_status"]

NOT_RUNNING: Final = 3
"""``status`` of an endpoint that does not run, as ``systemctl status`` has it."""

_REFUSED: Final = 77
_WRONG_SETTINGS: Final = 78

_STATUSES: Final = ((NotSignedIn | NotAllowed, _REFUSED), (InvalidInput, _WRONG_SETTINGS))

FINAL: Final = (_REFUSED, _WRONG_SETTINGS)
"""Starting again does not help: a person has to do something first."""


def exit_status(error: BaseException) -> int:
    """Return the status of a program that an error ended; ``EX_NOPERM`` and ``EX_CONFIG`` are those of sysexits.h."""
    return next((status for kinds, status in _STATUSES if isinstance(error, kinds)), 1)
