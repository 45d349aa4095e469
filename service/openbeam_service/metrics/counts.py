"""What this process has done since it started. Labels have few values: routes, states, words of ours; never ids."""

from __future__ import annotations

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, disable_created_metrics

__all__ = [
    "ACTIONS",
    "COUNTS",
    "EVENTS",
    "GATHER_SECONDS",
    "LEASES",
    "LOST_LEASES",
    "OUTCOMES",
    "REQUESTS",
    "REQUEST_SECONDS",
    "RUNS",
]

COUNTS: Final = CollectorRegistry()
_SECONDS: Final = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 40)

disable_created_metrics()  # type: ignore[no-untyped-call]  # when a series began is of no use here, and doubles what is sent
ProcessCollector(registry=COUNTS)
REQUESTS: Final = Counter("openbeam_requests", "Requests.", ("method", "route", "status"), registry=COUNTS)
REQUEST_SECONDS: Final = Histogram(
    "openbeam_request_seconds",
    "From a request to the start of its answer; `wait` and leases make agents and clients wait on purpose.",
    ("route",),
    registry=COUNTS,
    buckets=_SECONDS,
)
ACTIONS: Final = Counter(
    "openbeam_actions", "Entries of the audit trail, such as user.sign_in.", ("action",), registry=COUNTS
)
LEASES: Final = Counter("openbeam_leases", "Tasks given to agents.", registry=COUNTS)
LOST_LEASES: Final = Counter("openbeam_lost_leases", "Leases that ran out.", registry=COUNTS)
OUTCOMES: Final = Counter(
    "openbeam_outcomes", "What agents handed in: accepted, fenced, again.", ("what",), registry=COUNTS
)
EVENTS: Final = Counter("openbeam_events", "Collision events in the chunks that were computed.", registry=COUNTS)
RUNS: Final = Counter("openbeam_runs_ended", "Runs that ended, by state.", ("state",), registry=COUNTS)
GATHER_SECONDS: Final = Histogram(
    "openbeam_gather_seconds",
    "One look at a run: adding up its chunks and telling who watches.",
    registry=COUNTS,
    buckets=_SECONDS,
)
