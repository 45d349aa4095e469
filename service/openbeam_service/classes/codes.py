"""Join codes and return keys: short enough for a blackboard, too long to guess through a door that counts.

A join code has 8 of 30 characters (39 bits), a return key 10 (49 bits).
"""

from __future__ import annotations

import secrets
from typing import Final

from openbeam.models.classes import CODE_ALPHABET

__all__ = ["make_code", "make_key", "spaced"]

_CODE_LENGTH: Final = 8
_KEY_LENGTH: Final = 10


def _random(length: int) -> str:
    return "".join(secrets.choice(CODE_ALPHABET) for _ in range(length))


def make_code() -> str:
    """Return a new join code."""
    return _random(_CODE_LENGTH)


def make_key() -> str:
    """Return a new return key."""
    return _random(_KEY_LENGTH)


def spaced(code: str) -> str:
    """Return a code as people read it: ``ABCD-EFGH``, ``ABCDE-FGHJK``."""
    half = len(code) // 2
    return f"{code[:half]}-{code[half:]}"
