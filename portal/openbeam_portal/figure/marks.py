"""Names of peaks on an axis. UHI metadata holds plain values only, so an author writes ``3.097 = J/ψ; 91.19 = Z``."""

from __future__ import annotations

__all__ = ["marks_of"]

_MOST = 20


def marks_of(text: object, low: float, high: float) -> list[tuple[float, str]]:
    """Return ``(value, name)`` of each mark between ``low`` and ``high``; what is no mark is left out."""
    marks = []
    for part in str(text).split(";"):
        at, _, label = part.partition("=")
        try:
            value = float(at)
        except ValueError:
            continue
        if low <= value <= high and label.strip():
            marks.append((value, label.strip()))
    return marks[:_MOST]
