"""Which endpoints are there: what an agent says of itself at each call, and who is waiting for work right now."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from openbeam.models import EndpointStatus
from sqlalchemy import update
from sqlalchemy.orm import Session, sessionmaker

from openbeam_service.database import now
from openbeam_service.endpoints.models import EndpointRow

__all__ = ["Presence"]

_FRESH_SECONDS: Final = 2.0
"""An endpoint that was seen less than this ago is not written down again, unless its status is another."""


class Presence:
    """Writes down when endpoints were last seen, and no more often than needed."""

    def __init__(self, sessions: sessionmaker[Session]) -> None:
        self._sessions = sessions
        self._written: dict[str, tuple[EndpointStatus, float]] = {}
        self._polling: Counter[str] = Counter()

    def is_news(self, endpoint_id: str, status: EndpointStatus) -> bool:
        """Tell whether there is anything to write down."""
        last, when = self._written.get(endpoint_id, (None, 0.0))
        return last != status or time.monotonic() - when >= _FRESH_SECONDS

    def seen(self, endpoint_id: str, status: EndpointStatus) -> None:
        """Note that an endpoint's agent has called."""
        if not self.is_news(endpoint_id, status):
            return
        moment = time.monotonic()
        with self._sessions.begin() as db:
            values = {"status": status.model_dump(mode="json"), "last_seen": now()}
            db.execute(update(EndpointRow).where(EndpointRow.id == endpoint_id).values(**values))
        self._written[endpoint_id] = (status, moment)

    @contextmanager
    def polling(self, endpoint_id: str) -> Iterator[None]:
        """Count an endpoint as online while its agent waits for work here, though it says nothing."""
        self._polling[endpoint_id] += 1
        try:
            yield
        finally:
            self._polling[endpoint_id] -= 1

    def refresh(self) -> None:
        """Note that all agents that wait for work are there."""
        there = [endpoint_id for endpoint_id, count in self._polling.items() if count > 0]
        if there:
            with self._sessions.begin() as db:
                db.execute(update(EndpointRow).where(EndpointRow.id.in_(there)).values(last_seen=now()))
