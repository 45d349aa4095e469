"""Batches: many calls in one request, how many tasks stand, and the ends of tasks as they are pushed."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from openbeam.models.bounds import Model
from openbeam.models.tasks import Task, TaskSubmit
from openbeam.states import TaskState

__all__ = [
    "MAX_BATCH",
    "MAX_GROUPS",
    "Group",
    "TaskBatch",
    "TaskBatchReply",
    "TaskStanding",
    "TaskStatusReply",
    "TaskStatusRequest",
    "TasksEnded",
]

MAX_BATCH = 1_000
"""Calls of one batch, and ids in one question."""
MAX_GROUPS = 100
"""Groups that one stream of results can follow."""

Group = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]
_Id = Annotated[str, StringConstraints(max_length=64)]


class TaskBatch(Model):
    """Calls that are submitted together: all of them, or none.

    ``group`` is a UUID that the client has made up, and ``first`` the place of the first call in it. The same group and
    place again are the same tasks, so a batch whose answer was lost can be sent again.
    """

    group: Group
    first: Annotated[int, Field(ge=0, le=2**31 - 1 - MAX_BATCH)] = 0
    calls: Annotated[list[TaskSubmit], Field(min_length=1, max_length=MAX_BATCH)]


class TaskBatchReply(Model):
    """Ids of the tasks, in the order of the calls."""

    group: str
    ids: list[str]


class TaskStatusRequest(Model):
    """Ask how tasks stand: those with these ids, or else those of a group, from a place in it on."""

    ids: Annotated[list[_Id], Field(max_length=MAX_BATCH)] = Field(default_factory=list)
    group: Group | None = None
    first: Annotated[int, Field(ge=0, le=2**31 - 1)] = 0


class TaskStanding(Model):
    """How one task stands, without its result."""

    id: str
    state: TaskState
    group: str
    """A task that was submitted alone is a group of its own."""
    number: int
    """Its place in the group."""


class TaskStatusReply(Model):
    """How the tasks stand, at most ``MAX_BATCH``, in order; ids that the caller has no task for are left out."""

    tasks: list[TaskStanding]


class TasksEnded(Model):
    """One server-sent event (``event: tasks``): tasks that have ended, with their results."""

    tasks: list[Task]
