"""Table of tasks: calls of plain functions, chunks of runs, and looks into files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openbeam.models import DataFile, TaskKind
from openbeam.states import FINAL_TASK_STATES, TaskState
from sqlalchemy import JSON, BigInteger, Enum, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.database import Base, new_id, now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.registry.models import FunctionRow

__all__ = ["ACTIVE_STATES", "HELD_STATES", "TaskRow"]

ACTIVE_STATES = frozenset(TaskState) - FINAL_TASK_STATES
"""States of a task that somebody still waits for."""
HELD_STATES = frozenset({TaskState.leased, TaskState.running})
"""States of a task that an agent holds."""


class TaskRow(Base):
    """One invocation. The queue knows only its id: what to do is here, and what a late agent says is checked here."""

    __tablename__ = "tasks"
    __table_args__ = (
        Index(None, "run_id", "state"),
        Index(None, "endpoint_id", "state"),
        Index(None, "user_id", "state"),
        Index(None, "group_id", "number"),
    )

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    kind: Mapped[TaskKind] = mapped_column(Enum(TaskKind, native_enum=False, length=16))
    state: Mapped[TaskState] = mapped_column(Enum(TaskState, native_enum=False, length=16), default=TaskState.received)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    function_id: Mapped[str] = mapped_column(ForeignKey("functions.id", ondelete="CASCADE"))
    """What runs; for a look into a file, the function that it is for."""
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"))
    """Where it runs; for a cached chunk, where it ran."""
    tenant: Mapped[str] = mapped_column(String(36))
    timeout: Mapped[float]
    attempts: Mapped[int] = mapped_column(default=0)
    """How often an agent leased it."""
    losses: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """Where it was lost while it ran, and why: see ``tasks.poison``."""
    worker: Mapped[str] = mapped_column(String(100), default="")
    """Who had it last, as its endpoint names its workers."""
    lease_id: Mapped[str | None] = mapped_column(String(64))
    """The one lease whose result counts."""
    activity: Mapped[str] = mapped_column(String(200), default="")
    created: Mapped[datetime] = mapped_column(default=now)
    leased: Mapped[datetime | None]
    started: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    problem: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    forgotten: Mapped[datetime | None]
    """When its result was removed: see ``runs.retention``."""
    stdout: Mapped[str | None] = mapped_column(Text, deferred=True)
    """What it printed: see ``tasks.printed``."""
    stderr: Mapped[str | None] = mapped_column(Text, deferred=True)

    cpu: Mapped[float] = mapped_column(default=0.0)
    """CPU seconds that it took, as far as they are known."""

    # ---- calls
    arguments: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """``{"args": [...], "kwargs": {...}}``."""
    value: Mapped[str | None] = mapped_column(Text)
    """What the function returned, as JSON."""
    outputs_to: Mapped[str | None] = mapped_column(String(64))
    """Its user's credential for the place that its files go to; None leaves that to the endpoint."""
    outputs: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    """Files that it wrote, and where they are: ``OutputFile``."""
    group_id: Mapped[str | None] = mapped_column(String(36))
    """Calls that belong together; one that was submitted alone is a group of its own."""
    number: Mapped[int | None]
    """Place in the group."""

    # ---- chunks, and looks into files
    run_id: Mapped[str | None] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"))
    file_uri: Mapped[str | None] = mapped_column(String(1000))
    file_size: Mapped[int | None] = mapped_column(BigInteger)
    file_checksum: Mapped[str | None] = mapped_column(String(16))
    tree: Mapped[str | None] = mapped_column(String(200))
    start: Mapped[int | None] = mapped_column(BigInteger)
    stop: Mapped[int | None] = mapped_column(BigInteger)
    key: Mapped[str | None] = mapped_column(String(64), index=True)
    """What the chunk's histograms depend on, as of its last lease, or as planned: see ``runs.cache``."""
    parked: Mapped[bool] = mapped_column(default=False)
    """It waits for another run's chunk with the same key, and is in no queue meanwhile."""
    cached: Mapped[bool] = mapped_column(default=False)
    result_id: Mapped[str | None] = mapped_column(ForeignKey("chunk_results.id", ondelete="SET NULL"))

    function: Mapped[FunctionRow] = relationship()
    endpoint: Mapped[EndpointRow] = relationship()

    @property
    def file(self) -> DataFile:
        """The file of a chunk or of a look into a file."""
        return DataFile.model_validate({"uri": self.file_uri, "size": self.file_size, "checksum": self.file_checksum})

    @property
    def events(self) -> int:
        """Events of a chunk."""
        return (self.stop or 0) - (self.start or 0)
