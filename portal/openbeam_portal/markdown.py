"""Texts of others, safe to show: as plain letters, or as markdown that can neither run nor fetch anything."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["plain", "tame"]

_SPECIAL: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>$~:])")
# A fenced block, a code span, or a picture; the first two are left alone.
_PICTURE: Final = re.compile(r"(?P<code>```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|`[^`\n]*`)|!(?=\[)", re.DOTALL)


def plain(text: str) -> str:
    """Return markdown that shows ``text`` letter by letter, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def tame(markdown: str) -> str:
    """Return an author's markdown with pictures made into links: a page must not tell strangers who reads it."""
    return _PICTURE.sub(lambda match: match["code"] or "", markdown)
