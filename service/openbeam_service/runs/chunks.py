"""The chunks of a run, one by one: which events, where, how often, and how it ended."""

from __future__ import annotations

from openbeam.models import PageSize, RunChunk, TaskKind, TaskProblem
from sqlalchemy import select
from sqlalchemy.orm import Session

from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.runs.models import RunRow
from openbeam_service.tasks.models import TaskRow

__all__ = ["list_chunks"]


def list_chunks(db: Session, run: RunRow, after: str, limit: PageSize) -> list[RunChunk]:
    """Return up to ``limit`` chunks in the order of their ids, from the one ``after`` an id on."""
    columns = (
        TaskRow.id,
        TaskRow.state,
        TaskRow.file_uri,
        TaskRow.start,
        TaskRow.stop,
        EndpointRow.name,
        TaskRow.worker,
        TaskRow.attempts,
        TaskRow.cached,
        TaskRow.started,
        TaskRow.ended,
        TaskRow.problem,
    )
    query = select(*columns).join(EndpointRow, EndpointRow.id == TaskRow.endpoint_id)
    mine = (TaskRow.run_id == run.id, TaskRow.kind == TaskKind.chunk, TaskRow.id > after)
    return [
        RunChunk(
            id=row.id,
            state=row.state,
            file=row.file_uri or "",
            start=row.start or 0,
            stop=row.stop or 0,
            endpoint=row.name,
            worker=row.worker,
            attempts=row.attempts,
            cached=row.cached,
            started=row.started,
            ended=row.ended,
            error=None if row.problem is None else TaskProblem.model_validate(row.problem),
        )
        for row in db.execute(query.where(*mine).order_by(TaskRow.id).limit(limit))
    ]
