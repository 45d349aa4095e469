"""Where every event of a run went: one aggregate over its chunks, in the database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

from openbeam.models import Account, TaskKind
from openbeam.states import TaskState
from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.tasks.models import HELD_STATES, TaskRow

__all__ = ["Tally", "tallies"]


@dataclass
class Tally:
    """A run's account, and how many of its chunks are where."""

    account: Account = field(default_factory=Account)
    waiting: int = 0
    held: int = 0
    """Leased or running."""
    activity: str = ""
    """What one of the held chunks is about."""

    @property
    def is_settled(self) -> bool:
        """Nothing is left to be computed."""
        account = self.account
        return account.chunks_done + account.chunks_failed + account.chunks_cancelled == account.chunks

    def add(self, state: TaskState, endpoint: str, activity: str, cached: bool, numbers: tuple[int, int, int]) -> None:
        """Count chunks that are alike: ``numbers`` are chunks, events and retries."""
        chunks, events, retries = numbers
        account = self.account
        account.chunks += chunks
        account.events_expected += events
        account.retries += retries
        if state is TaskState.success:
            account.chunks_done += chunks
            account.events_processed += events
            account.chunks_cached += chunks if cached else 0
            account.endpoints[endpoint] = account.endpoints.get(endpoint, 0) + chunks
        elif state is TaskState.failed:
            account.chunks_failed += chunks
            account.events_failed += events
        elif state is TaskState.cancelled:
            account.chunks_cancelled += chunks
            account.events_cancelled += events
        elif state in HELD_STATES:
            self.held += chunks
            self.activity = self.activity or activity
        else:
            self.waiting += chunks


def tallies(db: Session, run_ids: Collection[str]) -> dict[str, Tally]:
    """Return the tally of each run; of a run without chunks, an empty one."""
    retries = case((TaskRow.attempts > 1, TaskRow.attempts - 1), else_=0)
    alike = (TaskRow.run_id, TaskRow.state, EndpointRow.name, TaskRow.activity, TaskRow.cached)
    query = (
        select(*alike, func.count(), func.sum(TaskRow.stop - TaskRow.start), func.sum(retries))
        .join(EndpointRow, EndpointRow.id == TaskRow.endpoint_id)
        .where(TaskRow.run_id.in_(run_ids), TaskRow.kind == TaskKind.chunk)
        .group_by(*alike)
    )
    found: dict[str, Tally] = defaultdict(Tally)
    for run_id, state, endpoint, activity, cached, *numbers in db.execute(query):
        chunks, events, again = map(int, numbers)
        found[run_id].add(state, endpoint, activity, cached, (chunks, events, again))
    return {run_id: found[run_id] for run_id in run_ids}
