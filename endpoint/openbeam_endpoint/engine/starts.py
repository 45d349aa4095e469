"""Blocks that do not start: what their owner is told, and when it is tried again.

Once a block was refused, the next try waits, longer each time. When three in a row failed and no other block is there,
tasks are not kept waiting: they end with the scheduler's own words, and so do those that come in the next minute.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final

__all__ = ["Starts"]

_MOST: Final = 3
_FIRST_PAUSE: Final = 3.0
_LONGEST_PAUSE: Final = 600.0
_LONGEST_PAUSE_ALONE: Final = 12.0
_REFUSES_SECONDS: Final = 60.0
_LONGEST: Final = 600


class Starts:
    """The failures since a block last came. Belongs to the thread that polls, but for reading ``trouble``."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._failures = self._failures_alone = 0
        self._next = 0.0
        self._refuses_until = 0.0
        self._seen: set[str] = set()
        self._there: set[str] = set()
        self.trouble = ""
        """What is wrong, as one sentence; empty when the newest block came."""

    def may_try(self) -> bool:
        """Say whether it is time for another block."""
        return time.monotonic() >= self._next

    def refused(self, words: str) -> None:
        """Note that the scheduler did not take a block."""
        self._failed(f"{self._title} starts no block: {_plain(words)}")

    def look(self, block: str, status: Any) -> None:
        """Note a block that ended before its workers were there."""
        if block not in self._seen:
            self._seen.add(block)
            words = _plain(status.stderr_summary or "") or "it left no word"
            told = self.trouble
            self._failed(f"A block of {self._title} ended before its workers were there: {words}")
            if words in told:
                self.trouble = told  # the node has said so itself, with its name

    def node_failed(self, words: str) -> None:
        """Note what a node said before it gave up."""
        self.trouble = f"A node of {self._title} cannot work: {_plain(words)}"

    def came(self, blocks: set[str]) -> None:
        """Note which blocks are there: when one of them is new, all is well."""
        if blocks - self._there:
            self._failures = self._failures_alone = 0
            self._next, self._refuses_until, self.trouble = 0.0, 0.0, ""
        self._there = blocks

    def gave_up(self, *, alone: bool) -> bool:
        """Say whether tasks should wait no longer. ``alone`` says that no block is there or on its way."""
        now = time.monotonic()
        if not alone:
            self._failures_alone = 0
            return False
        # What made the pauses long happened while others worked.
        self._next = min(self._next, now + _LONGEST_PAUSE_ALONE)
        if self._failures_alone >= _MOST:
            self._failures = self._failures_alone = 0
            self._refuses_until = now + _REFUSES_SECONDS
        return now < self._refuses_until

    def _failed(self, sentence: str) -> None:
        self._failures += 1
        self._failures_alone += 1
        pause = min(_FIRST_PAUSE * 2 ** (self._failures - 1), _LONGEST_PAUSE)
        self._next = time.monotonic() + pause
        self.trouble = sentence if sentence.endswith(".") else f"{sentence}."


def _plain(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return "; ".join(dict.fromkeys(lines))[-_LONGEST:]


def counts(status: Mapping[str, Any]) -> tuple[int, int]:
    """Return how many blocks wait for the scheduler, and how many run."""
    names = [each.status_name for each in status.values()]
    return names.count("PENDING"), names.count("RUNNING")
