"""Tasks: one invocation of a function, and why one has no result."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from openbeam.models.bounds import Model, Name
from openbeam.models.outputs import OutputFile
from openbeam.states import TaskState

__all__ = ["Task", "TaskOutput", "TaskProblem", "TaskSubmit", "Waiting"]


class TaskProblem(Model):
    """Why a task has no result: an ``openbeam.errors.TaskError`` in its wire form, and whether a retry may help."""

    kind: Annotated[str, StringConstraints(max_length=60)]
    message: Annotated[str, StringConstraints(max_length=4_000)]
    details: dict[str, Any] = Field(default_factory=dict)
    retry: bool = False


class TaskOutput(Model):
    """What a task printed: the beginning and the end, with a mark between them where it was much.

    Control characters are shown as pictures of themselves: nothing in here can steer a terminal.
    """

    stdout: str = ""
    stderr: str = ""


class TaskSubmit(Model):
    """One call of a plain function."""

    function: str
    """Id, ``name``, ``name@version`` or ``name@latest``."""
    endpoint: str | None = None
    """Id or name; None lets the service choose."""
    args: list[Any] = Field(default_factory=list)
    kwargs: dict[str, Any] = Field(default_factory=dict)
    outputs: Name | None = None
    """Which of the caller's credentials at the endpoint says where the files go that it writes; None: the endpoint."""


class Waiting(Model):
    """Where a task stands that waits for a worker."""

    position: int
    """Tasks that go first."""
    seconds: float | None = None
    """About how long until it is taken, at the endpoint's pace of the last minutes; None when that is not known."""


class Task(Model):
    """One invocation, as the service keeps it."""

    id: str
    function: str
    endpoint: str
    state: TaskState
    result: Any = None
    error: TaskProblem | None = None
    attempts: int
    created: datetime
    started: datetime | None
    ended: datetime | None
    outputs: list[OutputFile] = Field(default_factory=list)
    """Files that it wrote, and where they are."""
    waiting: Waiting | None = None
    """While it is queued."""
    notices: list[str] = Field(default_factory=list)
    """What its user should know, e.g. that the function is deprecated."""
