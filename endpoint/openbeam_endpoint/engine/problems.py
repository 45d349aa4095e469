"""Problems on their way out of the engine: the JSON of an ``openbeam.models.TaskProblem``, made without pydantic.

Main and workers are kept thin; the trusted side checks whatever comes from here anyway.
"""

from __future__ import annotations

from typing import Any, Final

from openbeam.errors import EngineFault, TaskError, to_json

__all__ = ["Problem", "answer", "fault", "problem_of"]

Problem = dict[str, Any]

_LONGEST_MESSAGE: Final = 4_000


def problem_of(error: TaskError, *, retry: bool = False) -> Problem:
    """Return the problem that an error is."""
    data = to_json(error)
    return {**data, "message": data["message"][:_LONGEST_MESSAGE], "retry": retry}


def fault(message: str) -> Problem:
    """Return a fault of the engine, which a retry may get around."""
    return problem_of(EngineFault(message), retry=True)


def answer(problem: Problem | None) -> dict[str, Any]:
    """Return the head of a frame that ends a task."""
    return {"op": "done", "problem": problem}
