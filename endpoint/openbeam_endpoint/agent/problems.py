"""From an error to what the service is told of a task that has no result."""

from __future__ import annotations

from typing import Final

from openbeam.errors import DataUnavailable, EngineFault, OpenbeamError, ServiceTrouble, TaskError, to_json
from openbeam.models import TaskProblem

__all__ = ["problem_of"]

_LONGEST_MESSAGE: Final = 4_000


def problem_of(error: OpenbeamError, *, retry: bool | None = None) -> TaskProblem:
    """Return the problem that an error is.

    Without ``retry``, the kind decides: an engine's fault or a service that was away may pass, the rest stays. An
    error that is not a task's own came up while files were fetched.
    """
    if retry is None:
        retry = isinstance(error, EngineFault | ServiceTrouble)
    if not isinstance(error, TaskError):
        error = DataUnavailable(error.message, **error.details)
    wire = to_json(error)
    return TaskProblem(
        kind=wire["kind"], message=wire["message"][:_LONGEST_MESSAGE], details=wire["details"], retry=retry
    )
