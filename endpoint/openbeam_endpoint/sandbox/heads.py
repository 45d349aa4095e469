"""What an engine may say to the agent: the heads of its frames, checked. Nothing else that comes from it is opened."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from openbeam.errors import EngineFault, TaskError
from openbeam.models import Model, Printed, TaskProblem
from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError

__all__ = ["Beat", "Blocks", "Done", "Fault", "Head", "Ready", "Running", "Worn", "parse"]

_LONGEST_MESSAGE: Final = 4_000


class _Head(Model):
    # An older or newer engine may say more.
    model_config = ConfigDict(extra="ignore")


class Ready(_Head):
    """All workers are warm. How long that took, in seconds since the engine's process began."""

    op: Literal["ready"]
    pool: float
    zygote: float


class Beat(_Head):
    """The engine lives."""

    op: Literal["beat"]


class Running(_Head):
    """A task has left the queue."""

    op: Literal["running"]
    task: str


class Done(_Head):
    """A task has ended; without a problem, the frame's body is its result."""

    op: Literal["done"]
    task: str
    problem: TaskProblem | None
    worker: Annotated[str, StringConstraints(max_length=60)] = ""
    printed: Printed | None = None
    """Opened by the service alone."""


class Worn(_Head):
    """The engine has lost something: what it has begun may end, and more it does not take."""

    op: Literal["worn"]
    message: Annotated[str, StringConstraints(max_length=200)]


class Fault(_Head):
    """The engine cannot go on."""

    op: Literal["fault"]
    message: str


class Blocks(_Head):
    """How the blocks of an engine are whose tasks run elsewhere."""

    op: Literal["blocks"]
    pending: Annotated[int, Field(ge=0)]
    running: Annotated[int, Field(ge=0)]
    workers: Annotated[int, Field(ge=0)]
    trouble: Annotated[str, StringConstraints(max_length=1_000)] = ""

    def __str__(self) -> str:
        return f"{self.running} running, {self.pending} waiting, {self.workers} workers"


Head = Ready | Beat | Running | Done | Worn | Fault | Blocks

_heads: TypeAdapter[Head] = TypeAdapter(Annotated[Head, Field(discriminator="op")])


def parse(head: dict[str, Any]) -> Head:
    """Return the checked head of a frame.

    A problem is the word of a sandbox: it may say what became of a task, and nothing else.

    Raises
    ------
    EngineFault
        When it is none of those above.

    """
    try:
        parsed = _heads.validate_python(head)
    except ValidationError as error:
        raise EngineFault("The engine said something that is not in its language.") from error
    if isinstance(parsed, Fault):
        parsed.message = parsed.message[:_LONGEST_MESSAGE]
    elif isinstance(parsed, Done) and parsed.problem is not None and parsed.problem.kind not in _kinds(TaskError):
        parsed.problem.kind = EngineFault.__name__
    return parsed


def _kinds(root: type[TaskError]) -> set[str]:
    return {root.__name__}.union(*(_kinds(child) for child in root.__subclasses__()))
