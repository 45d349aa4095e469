"""What an agent says of itself while it runs (``state.json``), for those who look from outside.

That it runs at all is what its lock says: a killed agent leaves an entry behind, and no lock.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Final

from openbeam import __version__
from openbeam.errors import OpenbeamError
from openbeam.models import Isolation, Model
from pydantic import Field, ValidationError

__all__ = ["Diary", "Entry", "Phase", "read"]


_LONGEST_TROUBLE: Final = 1_000


class Phase(StrEnum):
    """How far an agent has come."""

    starting = "starting"
    ready = "ready"
    ended = "ended"


class Entry(Model):
    """The newest entry."""

    pid: int
    phase: Phase = Phase.starting
    since: datetime = Field(default_factory=lambda: datetime.now(UTC))
    """When it was started."""
    version: str = __version__
    isolation: Isolation | None = None
    workers: int | None = None
    blocks: str = ""
    """How many blocks there are, where tasks run elsewhere."""
    reason: str = ""
    """Why it ended, unless it was asked to."""
    trouble: str = ""
    """What does not work while the endpoint as a whole does."""


class Diary:
    """Written by the agent that holds the endpoint's lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entry = Entry(pid=os.getpid())
        self._write()

    def chose(self, isolation: Isolation, workers: int) -> None:
        """Note what protects the machine and how much of it is lent."""
        self._entry.isolation, self._entry.workers = isolation, workers
        self._write()

    def ready(self) -> None:
        """Note that it takes work."""
        if self._entry.phase is not Phase.ready:
            self._entry.phase = Phase.ready
            self._write()

    def trouble(self, what: str) -> None:
        """Note what does not work; nothing once it does."""
        self._entry.trouble = what[:_LONGEST_TROUBLE]
        self._write()

    def blocks(self, blocks: str, trouble: str) -> None:
        """Note how the blocks are, when that has changed."""
        if (blocks, trouble) != (self._entry.blocks, self._entry.trouble):
            self._entry.blocks = blocks
            self.trouble(trouble)

    def end(self, reason: str = "") -> None:
        """Note the end."""
        self._entry.phase, self._entry.reason = Phase.ended, reason
        self._write()

    def _write(self) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(self._entry.model_dump_json() + "\n", encoding="utf-8")
        new.replace(self._path)

    @classmethod
    @contextmanager
    def kept(cls, path: Path) -> Iterator[Diary]:
        """Keep a diary until the block is left, and note how it was left."""
        diary = cls(path)
        try:
            yield diary
        except OpenbeamError as error:
            diary.end(str(error))
            raise
        except Exception as error:
            diary.end(f"It failed ({type(error).__name__}). Its log has the reason.")
            raise
        diary.end()


def read(path: Path) -> Entry | None:
    """Return the newest entry; None when there is none that can be read."""
    try:
        return Entry.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
