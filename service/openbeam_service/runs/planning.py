"""From a run to its chunks: look into files that nobody has looked into, cut, take what the cache knows.

``advance`` may be called at any time, by anybody, again: it reads where the run stands, and takes the next step.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from openbeam.models import DataFile, TaskKind, TaskProblem
from openbeam.states import RunState, TaskState
from sqlalchemy import insert, select
from sqlalchemy.orm import Session, defer, undefer

from openbeam_service.database import new_id, now
from openbeam_service.runs import cache
from openbeam_service.runs.models import FileFactsRow, RunRow
from openbeam_service.runs.plan import SAMPLE, Chunk, FileFacts, plan
from openbeam_service.tasks.models import ACTIVE_STATES, TaskRow

__all__ = ["MAX_CHUNKS", "ToQueue", "advance", "fail"]

MAX_CHUNKS: Final = 20_000
"""Chunks of one run."""

_AT_ONCE: Final = 500
_INSPECT_SECONDS: Final = 120.0


@dataclass
class ToQueue:
    """Tasks that go into the queue of an endpoint once the transaction is committed."""

    endpoint_id: str
    who: str = ""
    """In whose line they stand."""
    front: list[str] = field(default_factory=list)
    """Somebody looks at a blank page for these."""
    back: list[str] = field(default_factory=list)


def advance(db: Session, run_id: str) -> ToQueue | None:
    """Take the next step of a run that is being planned. The session's transaction must already hold the lock."""
    query = select(RunRow).options(undefer(RunRow.files)).where(RunRow.id == run_id).with_for_update()
    run = db.scalar(query)
    if run is None or run.state is not RunState.planning:
        return None
    files = [DataFile.model_validate(file) for file in run.files]
    facts = _facts(db, run, files)
    missing = [file for file in files if _identity(file) not in facts]
    if missing:
        return _look_into(db, run, missing)
    return _cut(db, run, files, [facts[_identity(file)] for file in files])


def fail(run: RunRow, problem: TaskProblem) -> None:
    """End a run that cannot be planned."""
    run.problems = [*run.problems, problem.model_dump()]
    run.state = RunState.failed
    run.ended = now()


def _identity(file: DataFile) -> tuple[str, int]:
    return file.checksum, file.size


# ------------------------------------------------------------------------------------------------ looking into files
def _facts(db: Session, run: RunRow, files: Sequence[DataFile]) -> dict[tuple[str, int], FileFacts]:
    found = {}
    for some in _some(files):
        query = select(FileFactsRow).where(
            FileFactsRow.checksum.in_([file.checksum for file in some]),
            FileFactsRow.tree == run.tree,
            FileFactsRow.lender_id == run.endpoint.owner_id,
        )
        for row in db.scalars(query.options(defer(FileFactsRow.columns))):
            found[row.checksum, row.size] = FileFacts(row.entries, row.offsets, row.simulated)
    return found


def _look_into(db: Session, run: RunRow, files: Sequence[DataFile]) -> ToQueue | None:
    """Have every file looked into once, whoever asked first; fail when a look that began after us has failed."""
    under_way, problem = _looks(db, run, files)
    if problem is not None:
        fail(run, problem)
        return None
    to_queue = ToQueue(run.endpoint_id, run.user_id)
    tasks = [_task(run, TaskKind.inspect, file) for file in files if _identity(file) not in under_way]
    if tasks:
        db.execute(insert(TaskRow), tasks)
        to_queue.front = [task["id"] for task in tasks]
    return to_queue


def _looks(
    db: Session, run: RunRow, files: Sequence[DataFile]
) -> tuple[set[tuple[str | None, int | None]], TaskProblem | None]:
    under_way = set()
    for some in _some(files):
        query = select(TaskRow.file_checksum, TaskRow.file_size, TaskRow.state, TaskRow.ended, TaskRow.problem).where(
            TaskRow.kind == TaskKind.inspect,
            TaskRow.endpoint_id == run.endpoint_id,
            TaskRow.tree == run.tree,
            TaskRow.file_checksum.in_([file.checksum for file in some]),
        )
        for checksum, size, state, ended, problem in db.execute(query):
            if state in ACTIVE_STATES:
                under_way.add((checksum, size))
            elif problem is not None and ended is not None and ended >= run.created:
                return under_way, TaskProblem.model_validate(problem)
    return under_way, None


# ------------------------------------------------------------------------------------------------ cutting
def _cut(db: Session, run: RunRow, files: Sequence[DataFile], facts: Sequence[FileFacts]) -> ToQueue | None:
    chunks = plan(facts)
    if not 0 < len(chunks) <= MAX_CHUNKS:
        fail(run, _unplannable(run, len(chunks)))
        return None
    tasks = [_task(run, TaskKind.chunk, files[chunk.file], chunk) for chunk in chunks]
    _take_known(db, run, tasks)
    db.execute(insert(TaskRow), tasks)
    _compare_with_record(run, sum(chunk.events for chunk in chunks))
    run.simulated = run.simulated or any(file.simulated for file in facts)
    run.state = RunState.running
    to_queue = ToQueue(run.endpoint_id, run.user_id)
    left = [(task["id"], chunk) for task, chunk in zip(tasks, chunks, strict=True) if not task["cached"]]
    # The first piece overtakes other people's long runs, so that everybody sees something soon.
    split = 1 if left and left[0][1].events <= SAMPLE else 0
    to_queue.front = [task_id for task_id, _ in left[:split]]
    to_queue.back = [task_id for task_id, _ in left[split:]]
    return to_queue


def _take_known(db: Session, run: RunRow, tasks: Sequence[dict[str, Any]]) -> None:
    """Let chunks that the cache knows be born with their result."""
    environment = (run.endpoint.status or {}).get("environment")
    run.environment = environment
    if run.fresh or environment is None:
        return
    recipe = cache.recipe(run)
    for task in tasks:
        part = cache.Part(task["file_checksum"], task["file_size"], task["start"], task["stop"])
        task["key"] = cache.chunk_key(recipe, part, run.endpoint, environment)
    found = cache.find(db, [task["key"] for task in tasks])
    for task in tasks:
        known = found.get(task["key"])
        # All chunks of a run must have the same axes; what does not fit is computed again, and then says why.
        if known is not None and run.booking in {None, known.booking}:
            run.booking = known.booking
            task.update(
                state=TaskState.success,
                cached=True,
                endpoint_id=known.endpoint_id,
                result_id=known.id,
                ended=task["created"],
            )


def _task(run: RunRow, kind: TaskKind, file: DataFile, chunk: Chunk | None = None) -> dict[str, Any]:
    """Return the columns of a task."""
    return {
        "id": new_id(),
        "kind": kind,
        "state": TaskState.queued,
        "user_id": run.user_id,
        "function_id": run.function_id,
        "endpoint_id": run.endpoint_id,
        "tenant": run.function.owner_id,
        "timeout": run.function.timeout if chunk else _INSPECT_SECONDS,
        "created": now(),
        "ended": None,
        # A look into a file belongs to everybody who waits for it.
        "run_id": run.id if chunk else None,
        "file_uri": file.uri,
        "file_size": file.size,
        "file_checksum": file.checksum,
        "tree": run.tree,
        "start": chunk.start if chunk else None,
        "stop": chunk.stop if chunk else None,
        "key": None,
        "cached": False,
        "result_id": None,
    }


def _compare_with_record(run: RunRow, counted: int) -> None:
    if run.stated_events is not None and run.stated_events != counted:
        problem = TaskProblem(
            kind="DataUnavailable",
            message=f"The record of {run.dataset} states {run.stated_events:,} events; its files have {counted:,}. "
            "The run covers what the files have.",
            details={"stated": run.stated_events, "counted": counted},
        )
        run.problems = [*run.problems, problem.model_dump()]


def _unplannable(run: RunRow, chunks: int) -> TaskProblem:
    if chunks == 0:
        return TaskProblem(kind="DataUnavailable", message=f"The files of {run.dataset} have no events.")
    return TaskProblem(
        kind="DataUnavailable",
        message=f"{run.dataset} would need {chunks:,} chunks; a run may have {MAX_CHUNKS:,}. Use fewer files.",
    )


def _some(files: Sequence[DataFile]) -> Iterable[Sequence[DataFile]]:
    return (files[index : index + _AT_ONCE] for index in range(0, len(files), _AT_ONCE))
