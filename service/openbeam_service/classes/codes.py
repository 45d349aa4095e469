"""Join codes and return keys: short enough for a blackboard, too long to guess through a door that counts.

A join code has 8 of 30 characters (39 bits), a return key 10 (49 bits).
"""

from __future__ import annotations

import secrets
from typing import Final

from openbeam.errors import InvalidInput
from openbeam.models.classes import CODE_ALPHABET, JoinCode, Nickname
from pydantic import TypeAdapter, ValidationError

__all__ = ["make_code", "make_key", "spaced", "typed_code", "typed_nickname"]

_CODE_LENGTH: Final = 8
_KEY_LENGTH: Final = 10
_CODE: Final[TypeAdapter[str]] = TypeAdapter(JoinCode)
_NICKNAME: Final[TypeAdapter[str]] = TypeAdapter(Nickname)


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


def typed_code(text: str) -> str:
    """Return a join code that somebody typed as it is kept.

    Raises
    ------
    InvalidInput
        When it cannot be one.

    """
    return _typed(_CODE, text, "code", "A class code has eight letters and digits, like ABCD-EFGH.")


def typed_nickname(text: str) -> str:
    """Return a nickname that somebody typed.

    Raises
    ------
    InvalidInput
        When it cannot be one.

    """
    what = "A nickname has letters, digits, spaces and . ' - _, at most 40, and begins with a letter or digit."
    return _typed(_NICKNAME, text, "nickname", what)


def _typed(adapter: TypeAdapter[str], text: str, field: str, what: str) -> str:
    try:
        return adapter.validate_python(text)
    except ValidationError:
        raise InvalidInput(what, field=field) from None
