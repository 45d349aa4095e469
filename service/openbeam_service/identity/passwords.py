"""Passwords: argon2id, two at a time.

One hash takes 64 MiB and a fifth of a second. A class of thirty signing in at once would take 2 GB; here they queue,
on threads of their own, so that everybody else's requests go on.
"""

from __future__ import annotations

from typing import Final

from anyio import CapacityLimiter, to_thread
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from openbeam.errors import InvalidInput

__all__ = ["MIN_LENGTH", "check_new", "hash_in_turn", "hash_password", "verify"]

MIN_LENGTH: Final = 10
_MAX_LENGTH: Final = 1000
_AT_ONCE: Final = 2

_hasher: Final = PasswordHasher()
_limiter: Final = CapacityLimiter(_AT_ONCE)
# Of nobody's password. An unknown name costs as much time as a known one, so that names cannot be found out.
_DECOY: Final = "$argon2id$v=19$m=65536,t=3,p=4$b3BlbmJlYW0tZGVjb3k$Cz1zQ7mZy1nUe8mF3m0tWqk2pXo0n8oZyHcV5m0bZ1s"


def check_new(password: str, again: str) -> None:
    """Refuse a password that is too short, too long to be one, or typed in two ways.

    Raises
    ------
    InvalidInput
        Says which.

    """
    if not MIN_LENGTH <= len(password) <= _MAX_LENGTH:
        raise InvalidInput(f"The password must have at least {MIN_LENGTH} characters.", field="password")
    if password != again:
        raise InvalidInput("The two passwords differ.", field="again")


def hash_password(password: str) -> str:
    """Return what is stored of a password. Takes a fifth of a second."""
    return _hasher.hash(password)


def _matches(stored: str | None, password: str) -> bool:
    try:
        _hasher.verify(stored or _DECOY, password)
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


async def verify(stored: str | None, password: str) -> bool:
    """Tell whether a password is the stored one; always False, and as slow, when none is stored."""
    fitting = password if len(password) <= _MAX_LENGTH else ""
    return await to_thread.run_sync(_matches, stored, fitting, limiter=_limiter)


async def hash_in_turn(password: str) -> str:
    """Return what is stored of a password, waiting for a turn."""
    return await to_thread.run_sync(hash_password, password, limiter=_limiter)
