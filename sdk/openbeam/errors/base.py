"""What all errors have in common."""

from __future__ import annotations

from typing import Any, ClassVar

__all__ = [
    "OpenbeamError",
]


class OpenbeamError(Exception):
    """Base of all errors that may be shown to a person. ``str(error)`` is plain and says what to do next."""

    status: ClassVar[int] = 500

    def __init__(self, message: str, /, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details

    def __str__(self) -> str:
        return self.message
