"""Names and ids as pieces of an address."""

from __future__ import annotations

from urllib.parse import quote

from openbeam.errors import NotKnown

__all__ = ["segment"]


def segment(ref: str, unknown: type[NotKnown]) -> str:
    """Return a name or id as one piece of a path."""
    if not ref.strip(". "):
        raise unknown(f"Give the name or the id of the {unknown.word}.", name=ref, nearest=[])
    return quote(ref, safe="@")
