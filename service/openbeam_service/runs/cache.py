"""What chunks have given before, so that a class of thirty costs one run.

A key holds all that a chunk's histograms depend on: the function's source and entrypoint, its parameters, the bytes of
the file, the events, and what the endpoint had installed. It also holds who lends the endpoint: a person is believed
about what their own machine computed, and only on their own machines.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from openbeam.models import TaskKind
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from openbeam_service.database import now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.runs.models import ChunkResultRow, RunRow
from openbeam_service.runs.params import canonical_json
from openbeam_service.tasks.models import TaskRow

__all__ = ["Known", "Part", "chunk_key", "find", "forget_old", "recipe"]

KEEP_DAYS: Final = 60
"""How long chunks are kept. A run that has ended has its sum and its account, and needs them no more."""

_AT_ONCE: Final = 500


@dataclass(frozen=True)
class Part:
    """Some events of one file."""

    checksum: str
    size: int
    start: int
    stop: int

    @classmethod
    def of(cls, task: TaskRow) -> Part:
        """Return what a chunk covers."""
        return cls(task.file_checksum or "", task.file_size or 0, task.start or 0, task.stop or 0)


@dataclass(frozen=True)
class Known:
    """A chunk's result that is there."""

    id: str
    endpoint_id: str
    booking: str


def recipe(run: RunRow) -> str:
    """Return the digest of what all chunks of a run share."""
    function = run.function
    shared = [function.sha256, function.entrypoint, run.params, run.tree, run.layout]
    return hashlib.sha256(canonical_json(shared).encode()).hexdigest()


def chunk_key(recipe: str, part: Part, endpoint: EndpointRow, environment: str) -> str:
    """Return the key of one chunk at an endpoint with this environment."""
    parts = [recipe, part.checksum, part.size, part.start, part.stop, environment, endpoint.owner_id]
    return hashlib.sha256(canonical_json(parts).encode()).hexdigest()


def find(db: Session, keys: Iterable[str]) -> dict[str, Known]:
    """Return the newest result of each key that has one."""
    wanted = list(keys)
    found = {}
    columns = (ChunkResultRow.key, ChunkResultRow.id, ChunkResultRow.endpoint_id, ChunkResultRow.booking)
    for index in range(0, len(wanted), _AT_ONCE):
        query = select(*columns).where(ChunkResultRow.key.in_(wanted[index : index + _AT_ONCE]))
        for key, *known in db.execute(query.order_by(ChunkResultRow.created)):
            found[key] = Known(*known)
    return found


def forget_old(db: Session) -> None:
    """Drop chunks that ended long ago, and their results. Runs and calls stay, with all that they say."""
    limit = now() - timedelta(days=KEEP_DAYS)
    db.execute(delete(TaskRow).where(TaskRow.kind != TaskKind.call, TaskRow.ended < limit))
    db.execute(delete(ChunkResultRow).where(ChunkResultRow.created < limit))
