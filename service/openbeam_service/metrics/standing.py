"""How things stand, looked up when Prometheus asks. What is read from the database is the same in every copy."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any, Final

from openbeam.states import FINAL_RUN_STATES, TaskState
from prometheus_client import Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from openbeam_service.database import now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.endpoints.store import ONLINE_FOR
from openbeam_service.hosting.models import HostRow, ManagedRow
from openbeam_service.runs.models import RunRow
from openbeam_service.tasks.models import ACTIVE_STATES, TaskRow

__all__ = ["Standing"]

_MOST_ENDPOINTS: Final = 50
"""Endpoints with a label of their own: those where most waits. The rest is ``other``."""
_FRESH_SECONDS: Final = 5.0
"""How old the database's numbers may be: who asks often must not make it work."""


def _gauge(name: str, said: str, label: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"openbeam_{name}", said, labels=(label,))
    for key, value in values:
        family.add_metric((key,), value)
    return family


class Standing(Collector):
    """Gauges of one application; ``state`` is the application's."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._known: list[Metric] = []
        self._until = 0.0

    def describe(self) -> Iterable[Metric]:
        """Nothing is known before the application runs."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """Return all gauges; without those of the database, when it does not answer."""
        yield self._pool(self._state.engine)
        watchers = GaugeMetricFamily("openbeam_watchers", "Browsers and programs that follow a run here.")
        watchers.add_metric((), self._state.backend.live.watchers)
        yield watchers
        if time.monotonic() >= self._until:
            try:
                with self._state.sessions() as db:
                    self._known = list(_stored(db))
            except SQLAlchemyError:
                self._known = []
            self._until = time.monotonic() + _FRESH_SECONDS
        yield from self._known

    @staticmethod
    def _pool(engine: Engine) -> Metric:
        pool: Any = engine.pool
        values = {"open": pool.checkedin() + pool.checkedout(), "in use": pool.checkedout()}
        return _gauge("database_connections", "Connections of this copy.", "state", values.items())


def _stored(db: Session) -> Iterator[Metric]:
    count = func.count()
    active = select(TaskRow.endpoint_id, TaskRow.state, count).where(TaskRow.state.in_(ACTIVE_STATES))
    states: Counter[str] = Counter()
    waiting: Counter[str] = Counter()
    for endpoint_id, state, number in db.execute(active.group_by(TaskRow.endpoint_id, TaskRow.state)):
        states[state.value] += number
        waiting[endpoint_id] += number if state is TaskState.queued else 0
    yield _gauge("tasks", "Tasks that have not ended, by state.", "state", states.items())
    named = waiting.most_common(_MOST_ENDPOINTS)
    rest = waiting.total() - sum(number for _, number in named)
    yield _gauge("queue_depth", "Tasks that wait, by endpoint.", "endpoint", [*named, ("other", rest)])
    runs = select(RunRow.state, count).where(RunRow.state.not_in(FINAL_RUN_STATES)).group_by(RunRow.state)
    yield _gauge("runs", "Runs that have not ended, by state.", "state", [(s.value, n) for s, n in db.execute(runs)])
    there = db.scalar(select(count).select_from(EndpointRow)) or 0
    online = db.scalar(select(count).select_from(EndpointRow).where(EndpointRow.last_seen >= now() - ONLINE_FOR)) or 0
    numbers = {"online": online, "offline": there - online}
    yield _gauge("endpoints", "Registered endpoints.", "state", numbers.items())
    yield from _hosting(db)


def _hosting(db: Session) -> Iterator[Metric]:
    seen = db.scalars(select(HostRow.last_seen)).all()
    online = sum(moment is not None and moment >= now() - ONLINE_FOR for moment in seen)
    yield _gauge("hosts", "Enrolled hosts.", "state", {"online": online, "offline": len(seen) - online}.items())
    states = Counter((row or {}).get("state", "waiting") for row in db.scalars(select(ManagedRow.seen)))
    yield _gauge("managed_endpoints", "Endpoints on hosts, as those see them.", "state", states.items())
