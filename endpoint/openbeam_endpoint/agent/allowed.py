"""The owner's own list of functions. What the service says of a task does not matter here: code itself is hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from openbeam.errors import FunctionRefused
from openbeam.models import LeasedTask, TaskKind

__all__ = ["AllowList"]


class AllowList:
    """SHA-256 digests of the code that may run here. An empty list lets all of it run."""

    def __init__(self, digests: Iterable[str]) -> None:
        self._digests = frozenset(digests)

    def check(self, task: LeasedTask, code: bytes) -> None:
        """Let a task go on whose code is on the list, or that has none: an engine runs nothing but this code.

        Raises
        ------
        FunctionRefused
            Names the digest, so that the owner can add it.

        """
        if not self._digests or (task.kind is TaskKind.inspect and not code):
            return
        digest = hashlib.sha256(code).hexdigest()
        if digest not in self._digests:
            raise FunctionRefused(
                f"This endpoint runs only the functions on its owner's list, and {digest[:12]}… is not one of them. "
                "Choose another endpoint, or ask its owner to add the function.",
                sha256=digest,
            )
