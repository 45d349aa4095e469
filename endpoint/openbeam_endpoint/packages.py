"""What is installed here, which is what an engine has."""

from __future__ import annotations

import hashlib
from importlib.metadata import distributions
from typing import Final

__all__ = ["environment_digest", "environment_packages"]

_LONGEST_PACKAGE: Final = 120


def environment_packages() -> list[str]:
    """Return what is installed here: ``name==version``, sorted."""
    return sorted({f"{found.name.lower()}=={found.version}"[:_LONGEST_PACKAGE] for found in distributions()})


def environment_digest() -> str:
    """Return the digest of that."""
    return "local:" + hashlib.sha256("\n".join(environment_packages()).encode()).hexdigest()[:16]
