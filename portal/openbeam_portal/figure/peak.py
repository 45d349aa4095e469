"""Which fit of a figure's histogram is wanted, and what comes back: plain data that travels to the press and home."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Answer", "Wanted"]


@dataclass(frozen=True)
class Wanted:
    """A fit that somebody asked for."""

    signal: str
    background: str
    low: float
    high: float
    particle: str | None
    """Name, ``auto``, or None for no comparison."""
    natural_width: bool
    """Whether a Voigt profile's natural width is held at the particle's."""
    simulated: bool = False


@dataclass(frozen=True)
class Answer:
    """A fit that was made."""

    rows: tuple[tuple[str, str], ...]
    """Titles of parameters, and their values with uncertainties."""
    summary: str
    sentences: tuple[str, ...]
    csv: str
    png: bytes
