"""What an agent and the service say to each other."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from pydantic import Field, StringConstraints

from openbeam.models.bounds import MAX_OUTPUT, MAX_RESULT, MAX_SOURCE, MAX_WAIT, Model, Name
from openbeam.models.datasets import DataFile
from openbeam.models.endpoints import EndpointStatus
from openbeam.models.outputs import MAX_OUTPUT_FILES, OutputFile
from openbeam.models.tasks import TaskProblem

__all__ = [
    "LeaseRef",
    "LeaseReply",
    "LeaseRequest",
    "LeasedTask",
    "Printed",
    "RenewReply",
    "RenewRequest",
    "ResultsReply",
    "ResultsRequest",
    "StopsReply",
    "StopsRequest",
    "TaskKind",
    "TaskOutcome",
]


class TaskKind(StrEnum):
    """What an engine is asked to do."""

    call = "call"
    chunk = "chunk"
    inspect = "inspect"


class LeaseRequest(Model):
    """An agent asks for work and says what it is."""

    want: Annotated[int, Field(ge=1, le=256)]
    wait: Annotated[float, Field(ge=0, le=MAX_WAIT)]
    status: EndpointStatus


class LeasedTask(Model):
    """The envelope is for the agent; the body is for the engine, and the agent does not open it."""

    task_id: str
    lease_id: str
    kind: TaskKind
    tenant: str
    """Owner of the code: engines are not shared between tenants."""
    timeout: float
    files: list[DataFile]
    """To be fetched and verified before the task starts."""
    code: Annotated[str, StringConstraints(max_length=MAX_SOURCE * 6)] = ""
    """Base64 of the function's code: source text, or a pickle. The agent hashes it for its allow-list."""
    body: str
    """Base64 of a ``CallBody``, ``ChunkBody`` or ``InspectBody`` in JSON."""
    series: Annotated[str, StringConstraints(max_length=64)] = ""
    """Tasks of one series (a person's calls of one function) may follow each other in one process."""
    outputs: Name | None = None
    """The user's credential for the place that its outputs go to; None for the endpoint's own place."""


class LeaseReply(Model):
    """Leased tasks, and for how long."""

    tasks: list[LeasedTask]
    lease_seconds: float


class LeaseRef(Model):
    """A lease that the agent holds. ``activity`` is what goes on under it, in a few words."""

    task_id: str
    lease_id: str
    running: bool = False
    activity: Annotated[str, StringConstraints(max_length=200)] = ""


class RenewRequest(Model):
    """All leases that an agent holds."""

    leases: Annotated[list[LeaseRef], Field(max_length=4096)]
    status: EndpointStatus


class RenewReply(Model):
    """Task ids whose lease is gone or whose task is cancelled: stop them, send nothing."""

    stop: list[str]


class StopsRequest(Model):
    """An agent waits for something to stop."""

    wait: Annotated[float, Field(ge=0, le=MAX_WAIT)]


class StopsReply(Model):
    """Whether a task that the agent has was cancelled: it renews its leases, and hears which."""

    stop: bool


class Printed(Model):
    """What a task printed, on its way to the service: Base64, for it is bytes of anybody's making."""

    stdout: Annotated[str, StringConstraints(max_length=MAX_OUTPUT * 4 // 3 + 4)] = ""
    stderr: Annotated[str, StringConstraints(max_length=MAX_OUTPUT * 4 // 3 + 4)] = ""


class TaskOutcome(Model):
    """The end of one task: a body, unopened, or a problem."""

    task_id: str
    lease_id: str
    body: Annotated[str, StringConstraints(max_length=MAX_RESULT * 4 // 3 + 4)] | None = None
    """Base64 of a ``CallResult``, ``ChunkResult`` or ``InspectResult`` in JSON."""
    problem: TaskProblem | None = None
    worker: Annotated[str, StringConstraints(max_length=100)] = ""
    """Which worker had it; empty when none had begun."""
    printed: Printed | None = None
    outputs: Annotated[list[OutputFile], Field(max_length=MAX_OUTPUT_FILES)] = Field(default_factory=list)
    """Files that it wrote, each in its place and checked there."""


class ResultsRequest(Model):
    """A batch of ended tasks."""

    outcomes: Annotated[list[TaskOutcome], Field(max_length=256)]


class ResultsReply(Model):
    """Task ids that counted, and those whose lease was gone (their result is thrown away)."""

    accepted: list[str]
    fenced: list[str]
