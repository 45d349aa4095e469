"""Moments as people say them, where they are."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["moment"]


def moment(when: datetime, timezone: str | None) -> str:
    """Return a moment in a browser's time zone: ``1 March 2026, 12:30``."""
    zone: tzinfo = UTC
    # A browser may name a zone that this machine does not know.
    with contextlib.suppress(ZoneInfoNotFoundError, ValueError):
        zone = ZoneInfo(timezone or "UTC")
    return f"{when.astimezone(zone):%-d %B %Y, %H:%M}"
