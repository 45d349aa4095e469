"""The text of a record's HTML, without its marks."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final

__all__ = ["cut", "text_of"]

_LONGEST: Final = 40_000
"""Characters of HTML that are looked at: what people write about a record is far shorter."""
_BLOCKS: Final = frozenset({"p", "br", "div", "ul", "ol", "tr", "table", "h1", "h2", "h3", "h4", "h5", "pre"})
_UNREAD: Final = frozenset({"script", "style", "template"})


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._unread = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002 - as it is called
        if tag in _UNREAD:
            self._unread += 1
        elif tag == "li":
            self.parts.append("\n- ")
        elif tag in {"td", "th"}:
            self.parts.append(" ")
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNREAD:
            self._unread = max(0, self._unread - 1)
        elif tag in _BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._unread:
            # A line's end in HTML is a space like any other.
            self.parts.append(re.sub(r"\s+", " ", data))


def text_of(html: str) -> str:
    """Return what a person reads of ``html``: lines without marks, and without characters that steer a terminal."""
    reader = _Reader()
    # Python's reader fails over malformed marked sections, which no record has: they are letters here.
    reader.feed(html[:_LONGEST].replace("<![", "&lt;!["))
    reader.close()
    kept = "".join(char for char in "".join(reader.parts) if char.isprintable() or char == "\n")
    lines = (" ".join(line.split()) for line in kept.split("\n"))
    return "\n".join(line for line in lines if line)


def cut(text: str, longest: int) -> str:
    """Return ``text``, ended by an ellipsis where it is longer than ``longest`` characters."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"
