"""What an engine says of its blocks. Apart from what makes them, which imports Parsl."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["News"]


class News(NamedTuple):
    """How the blocks are."""

    pending: int
    """Blocks that the scheduler has not started yet."""
    running: int
    workers: int
    """Workers that are there."""
    trouble: str
    """Why blocks do not come, in one sentence."""
    gave_up: bool
    """Whether tasks should not wait for them."""
