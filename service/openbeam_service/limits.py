"""How often one may knock: a limit for each door, counted in the queue's server for all copies of the service.

::

    request.app.state.limits.spend(Door.join_code, address_of(request))

The numbers are settings (``rate_<door>``). A window starts with the first try; when it ends, all tries in it are
forgotten. While the queue's server does not answer, each copy counts for itself.
"""

from __future__ import annotations

import math
import time
from enum import StrEnum
from typing import Final

import structlog
from fastapi import Request
from limits import RateLimitItem, parse
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import FixedWindowRateLimiter
from openbeam.errors import TooMany
from redis import ConnectionPool

from openbeam_service.identity.secret import digest
from openbeam_service.settings import Settings

__all__ = ["Door", "Limits", "address_of"]

_ANSWER_SECONDS: Final = 1.0
_ALONE_SECONDS: Final = 5.0
"""How long this copy counts for itself before it asks a server again that did not answer."""
_log = structlog.get_logger("openbeam.limits")


class Door(StrEnum):
    """What is limited. Each has its setting: ``rate_<door>``."""

    sign_in = "sign_in"
    """Passwords tried, for a name and address."""
    sign_in_address = "sign_in_address"
    """Passwords tried, for an address."""
    join_code = "join_code"
    """Codes of classes tried, for an address."""
    token = "token"  # noqa: S105  a word
    """Requests for tokens, for an address."""
    device = "device"
    """Sign-ins begun by programs without a browser, for an address."""
    device_code = "device_code"
    """Codes of such programs tried, for a person."""
    calls = "calls"
    """Calls of the API, for a caller."""
    noted_failures = "noted_failures"
    """Sign-ins that failed and are written into the audit trail, for all together."""
    strangers = "strangers"
    """Calls of the API without a valid token, for an address."""


def address_of(request: Request) -> str:
    """Return the address that a request comes from."""
    return request.client.host if request.client else ""


class Limits:
    """Counts tries. A try counts before it is looked at, so that many at once count as many."""

    def __init__(self, settings: Settings) -> None:
        self._limits: dict[Door, RateLimitItem] = {door: parse(getattr(settings, f"rate_{door}")) for door in Door}
        pool = ConnectionPool.from_url(
            settings.valkey, socket_timeout=_ANSWER_SECONDS, socket_connect_timeout=_ANSWER_SECONDS
        )
        # The address is the pool's; this one only says which library speaks to it.
        storage = RedisStorage("redis://", pool, key_prefix="openbeam:limit", wrap_exceptions=True)
        self._shared = FixedWindowRateLimiter(storage)
        self._alone = FixedWindowRateLimiter(MemoryStorage())
        self._alone_until = 0.0
        self._pool = pool

    def spend(self, door: Door, *who: str) -> None:
        """Count a try of somebody at a door.

        Raises
        ------
        TooMany
            When their tries are used up; ``retry_after`` says for how many seconds.

        """
        limit, key = self._limits[door], _key(door, who)
        try:
            wait = self._wait(self._counter(), limit, key)
        except StorageError as error:
            self._alone_until = time.monotonic() + _ALONE_SECONDS
            _log.warning("limits are counted here alone", reason=str(error))
            wait = self._wait(self._alone, limit, key)
        if wait:
            raise TooMany(f"Too many tries. Wait {_plain(wait)}, then try again.", retry_after=wait)

    def forgive(self, door: Door, *who: str) -> None:
        """Forget somebody's tries at a door."""
        limit, key = self._limits[door], _key(door, who)
        self._alone.clear(limit, key)
        try:
            self._counter().clear(limit, key)
        except StorageError:
            self._alone_until = time.monotonic() + _ALONE_SECONDS

    def close(self) -> None:
        """Close the connections."""
        self._pool.disconnect()

    def _counter(self) -> FixedWindowRateLimiter:
        return self._alone if time.monotonic() < self._alone_until else self._shared

    @staticmethod
    def _wait(counter: FixedWindowRateLimiter, limit: RateLimitItem, key: str) -> int:
        """Count a try; return for how many seconds it came too early, 0 when it did not."""
        if counter.hit(limit, key):
            return 0
        return max(1, math.ceil(counter.get_window_stats(limit, key).reset_time - time.time()))


def _key(door: Door, who: tuple[str, ...]) -> str:
    # Of one length whatever was typed, and the server keeps nobody's name.
    return f"{door}:{digest(' '.join(who))[:32]}"


def _plain(seconds: int) -> str:
    if seconds < 60:  # noqa: PLR2004  a minute
        return "a second" if seconds == 1 else f"{seconds} seconds"
    minutes = math.ceil(seconds / 60)
    return "a minute" if minutes == 1 else f"{minutes} minutes"
