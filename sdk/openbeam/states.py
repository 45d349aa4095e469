"""The states of a task and of a run, and the steps between them.

A task::

    received -> queued -> leased -> running -> success
                  ^          |         |-----> failed
                  |          |         |-----> cancelled
                  '-- lost <-'---------'

A run::

    planning -> running -> complete
        |          |-----> incomplete
        |          '-----> cancelled
        '-> failed

Final states have no step out of them: whoever sees one may stop looking. What a run lacks is computed by a new run.
"""

from __future__ import annotations

from enum import StrEnum

__all__ = ["FINAL_RUN_STATES", "FINAL_TASK_STATES", "RUN_STEPS", "TASK_STEPS", "RunState", "TaskState"]


class TaskState(StrEnum):
    """Where one invocation of a function on an endpoint stands."""

    received = "received"
    """The service has stored the task; it is in no queue yet."""
    queued = "queued"
    """The task waits in its endpoint's queue."""
    leased = "leased"
    """An agent holds the task under a lease that it must renew."""
    running = "running"
    """An engine's worker executes the task."""
    success = "success"
    """The result is stored."""
    failed = "failed"
    """The task ended with an error that a retry would not mend, or ran out of retries."""
    cancelled = "cancelled"
    """Somebody who may do so stopped the task."""
    lost = "lost"
    """The lease ran out or the worker died; the task goes back to its queue."""


class RunState(StrEnum):
    """Where one analysis over one dataset stands."""

    planning = "planning"
    """Files are looked at and cut into chunks; no chunk runs yet."""
    running = "running"
    """Chunks are queued or running; partial histograms appear."""
    complete = "complete"
    """Every expected event is in the histograms."""
    incomplete = "incomplete"
    """Some chunks failed for good; the histograms miss their events and say so."""
    failed = "failed"
    """No chunk could be planned, or every chunk failed."""
    cancelled = "cancelled"
    """Somebody who may do so stopped the run."""


TASK_STEPS: dict[TaskState, frozenset[TaskState]] = {
    TaskState.received: frozenset({TaskState.queued, TaskState.cancelled}),
    TaskState.queued: frozenset({TaskState.leased, TaskState.cancelled, TaskState.failed}),
    TaskState.leased: frozenset(
        {TaskState.running, TaskState.success, TaskState.failed, TaskState.cancelled, TaskState.lost}
    ),
    TaskState.running: frozenset({TaskState.success, TaskState.failed, TaskState.cancelled, TaskState.lost}),
    TaskState.lost: frozenset({TaskState.queued, TaskState.failed, TaskState.cancelled}),
    TaskState.success: frozenset(),
    TaskState.failed: frozenset(),
    TaskState.cancelled: frozenset(),
}

RUN_STEPS: dict[RunState, frozenset[RunState]] = {
    RunState.planning: frozenset({RunState.running, RunState.complete, RunState.failed, RunState.cancelled}),
    RunState.running: frozenset({RunState.complete, RunState.incomplete, RunState.failed, RunState.cancelled}),
    RunState.complete: frozenset(),
    RunState.incomplete: frozenset(),
    RunState.failed: frozenset(),
    RunState.cancelled: frozenset(),
}

FINAL_TASK_STATES = frozenset(state for state, steps in TASK_STEPS.items() if not steps)
FINAL_RUN_STATES = frozenset(state for state, steps in RUN_STEPS.items() if not steps)
