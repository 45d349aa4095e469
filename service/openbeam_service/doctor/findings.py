"""What a check finds: a line each, with a level, and what to do unless it is well."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Level", "bad", "ok", "warn"]


class Level(StrEnum):
    """How it is."""

    ok = "ok"
    warn = "warn"
    """It works, and may not for long, or not for everybody."""
    bad = "bad"
    """It does not work, or is not safe."""


@dataclass(frozen=True)
class Finding:
    """One line."""

    level: Level
    what: str
    said: str
    advice: str = ""


def ok(what: str, said: str) -> Finding:
    """Return that something is well."""
    return Finding(Level.ok, what, said)


def warn(what: str, said: str, advice: str) -> Finding:
    """Return what should be looked at."""
    return Finding(Level.warn, what, said, advice)


def bad(what: str, said: str, advice: str) -> Finding:
    """Return what must be mended."""
    return Finding(Level.bad, what, said, advice)
