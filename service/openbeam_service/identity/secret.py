"""Random secrets: made with 256 bits, stored as SHA-256, compared in constant time.

A slow hash is for passwords, which people choose; nobody guesses 256 random bits.
"""

from __future__ import annotations

import hashlib
import secrets

__all__ = ["digest", "make_secret", "same"]


def make_secret() -> str:
    """Return a new secret, safe in URLs."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def same(secret: str, stored: str | None) -> bool:
    """Tell whether a secret is the one whose digest is stored; always False when nothing is stored."""
    return secrets.compare_digest(digest(secret), stored or "")
