"""How fast an endpoint gets on: tasks that it ended in the last minutes, counted for all copies of the service."""

from __future__ import annotations

import time
from typing import Any, Final

from redis import Redis

__all__ = ["Pace"]

BUCKET_SECONDS: Final = 10
BUCKETS: Final = 12


class Pace:
    """Counts in Valkey, which forgets them by itself."""

    def __init__(self, connection: Redis) -> None:
        self._connection = connection

    def note(self, endpoint_id: str, tasks: int, pipe: Any) -> None:
        """Count tasks that have ended."""
        key = _key(endpoint_id, int(time.time()) // BUCKET_SECONDS)
        pipe.incrby(key, tasks)
        pipe.expire(key, (BUCKETS + 1) * BUCKET_SECONDS)

    def tasks_a_second(self, endpoint_id: str) -> float | None:
        """Return how many tasks end in a second while there is work; None when none has ended lately."""
        now = time.time()
        bucket, begun = divmod(now, BUCKET_SECONDS)
        found: Any = self._connection.mget([_key(endpoint_id, int(bucket) - index) for index in range(BUCKETS)])
        counts = [int(count or 0) for count in found]
        # Of the newest bucket only a part is over; those without an end are times without work.
        seconds = sum(BUCKET_SECONDS for count in counts[1:] if count) + (max(begun, 1.0) if counts[0] else 0.0)
        return sum(counts) / seconds if seconds else None


def _key(endpoint_id: str, bucket: int) -> str:
    return f"openbeam:pace:{endpoint_id}:{bucket}"
