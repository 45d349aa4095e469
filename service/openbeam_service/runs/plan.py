"""How a run is cut: files at their cluster boundaries into chunks, every event in exactly one chunk.

A basket is inflated whole even when one event of it is wanted, so a large file is cut between its clusters only.
What is small is cut anywhere: a second of double work, for a histogram that is seen filling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

__all__ = ["Chunk", "FileFacts", "plan"]

MOST: Final = 500_000
"""Events of a chunk, unless one cluster has more."""
LEAST: Final = 20_000
"""Events below which a chunk of a large file is not worth its fixed cost."""
PIECES: Final = 8
"""Chunks that a run should have, so that all workers have work and the histogram is seen filling."""
SMALL: Final = 200_000
"""Events of a run that is cut anywhere."""
TINY: Final = 10_000
"""Events of a run that is not cut at all."""
SAMPLE: Final = 20_000
"""Events of the chunk that goes ahead, so that something is on the screen at once."""
SAMPLE_ABOVE: Final = 25_000
"""Events of a first chunk from which on a sample goes ahead."""

_FEWEST_PIECES: Final = 4


@dataclass(frozen=True)
class FileFacts:
    """What the plan needs to know of one file."""

    entries: int
    offsets: Sequence[int]
    """Cluster boundaries, ascending, from 0 to ``entries``."""
    simulated: bool = False
    """What the file says of itself."""


@dataclass(frozen=True)
class Chunk:
    """Events ``start`` to ``stop`` of the file with this index."""

    file: int
    start: int
    stop: int

    @property
    def events(self) -> int:
        """How many events that is."""
        return self.stop - self.start


def plan(files: Sequence[FileFacts]) -> list[Chunk]:
    """Return the chunks of a run, in the order in which they should start. Empty files have none."""
    total = sum(facts.entries for facts in files)
    chunks = [
        Chunk(index, start, stop)
        for index, facts in enumerate(files)
        for start, stop in pairwise(_cuts(facts, total))
        if stop > start
    ]
    return _with_first_light(chunks)


def _cuts(facts: FileFacts, total: int) -> list[int]:
    if total <= SMALL and _is_one_piece(facts):
        wanted = 1 if total <= TINY else min(PIECES, max(_FEWEST_PIECES, total // LEAST))
        pieces = max(1, round(wanted * facts.entries / max(total, 1)))
        return [facts.entries * piece // pieces for piece in range(pieces + 1)]
    least = TINY if total <= SMALL else LEAST
    return _merged(facts, min(MOST, max(least, total // PIECES)))


def _is_one_piece(facts: FileFacts) -> bool:
    largest = max((stop - start for start, stop in pairwise(facts.offsets)), default=0)
    return 2 * largest > facts.entries


def _merged(facts: FileFacts, target: int) -> list[int]:
    cuts = [0]
    for start, stop in pairwise(facts.offsets):
        if stop - cuts[-1] > target and start > cuts[-1]:
            cuts.append(start)
    return [*cuts, facts.entries]


def _with_first_light(chunks: list[Chunk]) -> list[Chunk]:
    if not chunks or chunks[0].events <= SAMPLE_ABOVE:
        return chunks
    first = chunks[0]
    middle = first.start + SAMPLE
    return [Chunk(first.file, first.start, middle), Chunk(first.file, middle, first.stop), *chunks[1:]]
