"""What is asked for by a name or an id, and is not there; the nearest names are a hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import ClassVar, Final

from openbeam.errors.base import OpenbeamError

__all__ = [
    "NotKnown",
    "UnknownClass",
    "UnknownCredential",
    "UnknownDataset",
    "UnknownEndpoint",
    "UnknownEnvironment",
    "UnknownFile",
    "UnknownFunction",
    "UnknownHost",
    "UnknownParticle",
    "UnknownRecord",
    "UnknownRun",
    "UnknownTask",
    "UnknownToken",
    "UnknownUser",
    "nearest",
]

_LIKE: Final = 0.4
"""How like a name must be to be offered, from 0 to 1."""
_AS_GOOD: Final = 0.75
"""How like it must be beside the best one."""


def nearest(name: str, known: Iterable[str], *, at_most: int = 3) -> list[str]:
    """Return the known names that look most like ``name``, best first; beside a good one, no poor ones."""
    close = difflib.get_close_matches(name, list(known), n=at_most, cutoff=_LIKE)
    best = _likeness(name, close[0]) if close else 0.0
    return [one for one in close if _likeness(name, one) >= best * _AS_GOOD]


def _likeness(name: str, other: str) -> float:
    # In this order, as get_close_matches compares them: the measure is not symmetric.
    return difflib.SequenceMatcher(None, other, name).ratio()


class NotKnown(OpenbeamError, LookupError):
    """Something asked for by name or id does not exist, or is not visible to the caller."""

    status = 404
    word: ClassVar[str] = "object"

    @classmethod
    def among(cls, name: str, known: Iterable[str]) -> NotKnown:
        """Build the error for ``name``, with the nearest of the ``known`` names as a hint."""
        close = nearest(name, known)
        hint = f" Did you mean {' or '.join(close)}?" if close else ""
        return cls(f"There is no {cls.word} named {name!r}.{hint}", name=name, nearest=close)


class UnknownFunction(NotKnown):
    """No such function, or no such version of it."""

    word = "function"


class UnknownDataset(NotKnown):
    """No such dataset."""

    word = "dataset"


class UnknownEndpoint(NotKnown):
    """No such endpoint."""

    word = "endpoint"


class UnknownEnvironment(NotKnown):
    """No endpoint that the caller sees has such an environment."""

    word = "environment"


class UnknownTask(NotKnown):
    """No such task."""

    word = "task"


class UnknownRun(NotKnown):
    """No such run."""

    word = "run"


class UnknownFile(NotKnown):
    """No such file."""

    word = "file"


class UnknownClass(NotKnown):
    """No such class, or no class with such a code."""

    word = "class"


class UnknownToken(NotKnown):
    """No such personal token of the caller."""

    word = "token"


class UnknownHost(NotKnown):
    """No such host."""

    word = "host"


class UnknownCredential(NotKnown):
    """No such credential of the caller."""

    word = "credential"


class UnknownParticle(NotKnown):
    """The Particle Data Group's table has no such particle."""

    word = "particle"


class UnknownRecord(NotKnown):
    """CERN Open Data has no such record."""

    word = "record"


class UnknownUser(NotKnown):
    """No such user."""

    word = "user"
