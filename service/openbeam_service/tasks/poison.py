"""Poison: a task under which two different workers were lost is the likely reason, and gets no third one.

What counts is where a task was lost while it ran: a worker that died under it, an engine that ended, an endpoint that
went away. An exception of the author's is no such thing, and is never tried again.
"""

from __future__ import annotations

from typing import Any, Final

from openbeam.models import TaskProblem

from openbeam_service.tasks.models import TaskRow

__all__ = ["MOST_PLACES", "is_poison", "note_loss", "verdict"]

MOST_PLACES: Final = 2
"""In how many places a task may be lost."""

_LONGEST_REASON: Final = 300


def note_loss(task: TaskRow, place: str, reason: str) -> None:
    """Note where a task was lost while it ran. A place without a name is like no other."""
    name = place or f"an unnamed worker (attempt {task.attempts})"
    task.losses = [*(task.losses or []), {"place": name, "reason": reason[:_LONGEST_REASON]}]


def is_poison(task: TaskRow) -> bool:
    """Tell whether a task was lost in too many different places."""
    return len(_by_place(task)) >= MOST_PLACES


def verdict(task: TaskRow, kind: str = "WorkerKilled", **details: Any) -> TaskProblem:
    """Return why a poisonous task is not tried again: what happened in each place."""
    places = _by_place(task)
    said = "; ".join(f"{place}: {reason}" for place, reason in places.items())
    message = f"This was lost in {len(places)} different places, and is not tried again. {said}"
    return TaskProblem(kind=kind, message=message[:4000], details={**details, "places": list(places)})


def _by_place(task: TaskRow) -> dict[str, str]:
    return {str(loss["place"]): str(loss["reason"]) for loss in task.losses or []}
