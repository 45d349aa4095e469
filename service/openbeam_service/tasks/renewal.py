"""Signs of life: leases are prolonged, and what goes on under them is noted."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from openbeam.models import LeaseRef
from openbeam.states import TaskState
from sqlalchemy import select
from sqlalchemy.orm import Session

from openbeam_service.database import now
from openbeam_service.tasks.models import HELD_STATES, TaskRow
from openbeam_service.tasks.queue import Lease
from openbeam_service.tasks.steps import claim, step

__all__ = ["Renewed", "note"]

_AT_ONCE = 500


@dataclass
class Renewed:
    """What renewed leases mean."""

    stop: list[str] = field(default_factory=list)
    """Tasks that the agent should stop: the lease is gone, or nobody wants the result."""
    runs: set[str] = field(default_factory=set)
    """Runs that have news."""


def note(db: Session, endpoint_id: str, refs: Sequence[LeaseRef], alive: Collection[Lease]) -> Renewed:
    """Note what an agent says of its tasks. Most have nothing new to say, and only those that do are locked."""
    renewed = Renewed()
    news = []
    for index in range(0, len(refs), _AT_ONCE):
        some = refs[index : index + _AT_ONCE]
        columns = (TaskRow.id, TaskRow.lease_id, TaskRow.state, TaskRow.activity)
        mine = (TaskRow.id.in_([ref.task_id for ref in some]), TaskRow.endpoint_id == endpoint_id)
        held = {row.id: row for row in db.execute(select(*columns).where(*mine))}
        for ref in some:
            row = held.get(ref.task_id)
            is_held = row is not None and row.lease_id == ref.lease_id and row.state in HELD_STATES
            if row is None or not is_held or Lease(ref.task_id, ref.lease_id) not in alive:
                renewed.stop.append(ref.task_id)
            elif ref.activity != row.activity or (ref.running and row.state is TaskState.leased):
                news.append(ref)
    if news:
        db.rollback()
        renewed.runs = _write(db, news)
    return renewed


def _write(db: Session, news: Sequence[LeaseRef]) -> set[str]:
    tasks = claim(db, [ref.task_id for ref in news])
    runs = set()
    for ref in news:
        task = tasks.get(ref.task_id)
        if task is None or task.lease_id != ref.lease_id or task.state not in HELD_STATES:
            continue
        task.activity = "".join(letter for letter in ref.activity if letter.isprintable())
        if ref.running and task.state is TaskState.leased:
            step(task, TaskState.running)
            task.started = now()
        if task.run_id:
            runs.add(task.run_id)
    return runs
