"""Lists that the service gives page by page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from openbeam.models import AuditFilter, RunFilter

__all__ = ["gather"]

T = TypeVar("T")


def gather(
    limit: int, page_size: int, wanted: AuditFilter | RunFilter, ask: Callable[[dict[str, Any]], tuple[list[T], Any]]
) -> list[T]:
    """Return up to ``limit`` of what is ``wanted``.

    ``ask(query)`` returns a page, and where the next one begins: None after the last.
    """
    found: list[T] = []
    while limit > len(found):
        wanted.limit = min(limit - len(found), page_size)
        page, wanted.before = ask(wanted.model_dump(mode="json", exclude_none=True))
        found += page
        if wanted.before is None:
            break
    return found
