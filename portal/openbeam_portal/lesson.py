"""A lesson's markdown in blocks: prose, and answers folded away (``<details><summary>…</summary>…</details>``)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from openbeam.models import Lesson

__all__ = ["Block", "blocks_of", "choose"]

_DETAILS: Final = re.compile(
    r"^[ ]{0,3}<details(?:\s[^<>]*)?>\s*"
    r"(?:<summary(?:\s[^<>]*)?>(?P<title>.*?)</summary>)?"
    r"(?P<text>.*?)</details>[ \t]*$",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_FENCE: Final = re.compile(r"^(?P<fence>```+|~~~+).*?(?:^(?P=fence)[ \t]*$|\Z)", re.DOTALL | re.MULTILINE)
_TAG: Final = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
_HEADING: Final = re.compile(r"^# +(?P<title>.+)\n*")


class Block(NamedTuple):
    """A piece of a lesson; one with a ``title`` is folded under it."""

    title: str | None
    text: str


def choose(lessons: Sequence[Lesson], locale: str | None) -> Lesson | None:
    """Return the lesson in the reader's language, else in English, else the first; None when there is none."""
    by_language = {lesson.language: lesson for lesson in reversed(lessons)}
    wanted = (locale or "en")[:2].lower()
    return by_language.get(wanted) or by_language.get("en") or (lessons[0] if lessons else None)


def blocks_of(markdown: str) -> Iterator[Block]:
    """Yield the blocks of a lesson in order. A first-level heading at the start is left out: the page has its own."""
    text = _HEADING.sub("", markdown.lstrip())
    code = [match.span() for match in _FENCE.finditer(text)]
    end = 0
    for match in _DETAILS.finditer(text):
        if match.start() < end or any(start < match.start() < stop for start, stop in code):
            continue
        yield from _prose(text[end : match.start()])
        title = " ".join(_TAG.sub("", match["title"] or "").split())
        yield Block(title or "…", match["text"].strip())
        end = match.end()
    yield from _prose(text[end:])


def _prose(text: str) -> Iterator[Block]:
    if text.strip():
        yield Block(None, text.strip())
