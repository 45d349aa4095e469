"""The end of a task, written once: its result counts, it goes back to its queue, or it has failed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from openbeam.models import TaskOutcome, TaskProblem
from openbeam.states import FINAL_TASK_STATES, TaskState
from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from openbeam_service.database import new_id, now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.metrics.counts import EVENTS
from openbeam_service.runs import cache
from openbeam_service.runs.models import ChunkResultRow, FileFactsRow, RunRow
from openbeam_service.tasks import outputs, poison, printed
from openbeam_service.tasks.models import HELD_STATES, TaskRow
from openbeam_service.tasks.queue import Lease
from openbeam_service.tasks.reading import Facts, Histograms, Read, Value, read
from openbeam_service.tasks.steps import answer, claim, step

__all__ = ["MAX_ATTEMPTS", "Settled", "read_all", "settle"]

MAX_ATTEMPTS: Final = 3
"""How often a task is tried whose problem may pass."""

_MOST_SECONDS: Final = 1e6
"""What an engine may claim: it runs anybody's code."""
_DIFFERENT: Final = TaskProblem(
    kind="ResultRefused",
    message="Two chunks gave histograms with different names or axes. Book the same ones for every chunk.",
)


@dataclass
class Settled:
    """What became of a batch of outcomes."""

    accepted: list[str] = field(default_factory=list)
    fenced: list[str] = field(default_factory=list)
    finished: list[Lease] = field(default_factory=list)
    """Tasks that have ended now."""
    again: list[Lease] = field(default_factory=list)
    """Tasks that go back to their queue."""
    released: list[TaskRow] = field(default_factory=list)
    """Tasks that waited for one that has failed: they go into their queues now."""
    runs: set[str] = field(default_factory=set)
    """Runs that have news."""
    used: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Seconds of the endpoint by person."""
    looked: bool = False
    """A look into a file has ended: runs that are being planned may go on."""


def read_all(db: Session, endpoint_id: str, outcomes: Sequence[TaskOutcome]) -> dict[Lease, Read]:
    """Return what each outcome says, by its lease. Tasks that the endpoint does not have are left out."""
    columns = (TaskRow.id, TaskRow.kind, TaskRow.start, TaskRow.stop)
    mine = (TaskRow.id.in_([outcome.task_id for outcome in outcomes]), TaskRow.endpoint_id == endpoint_id)
    known = {
        task_id: (kind, (stop or 0) - (start or 0))
        for task_id, kind, start, stop in db.execute(select(*columns).where(*mine))
    }
    return {
        Lease(outcome.task_id, outcome.lease_id): read(outcome, *known[outcome.task_id])
        for outcome in outcomes
        if outcome.task_id in known
    }


def settle(
    db: Session,
    endpoint_id: str,
    outcomes: Sequence[TaskOutcome],
    said: Mapping[Lease, Read],
    alive: Collection[Lease],
) -> Settled:
    """Write what a batch of outcomes means. The session must be fresh; what is returned holds once it commits.

    An outcome counts when its lease is alive in the queue and is the task's last one here; so it counts once.
    """
    batch = _Batch(db, db.get_one(EndpointRow, endpoint_id), claim(db, [outcome.task_id for outcome in outcomes]))
    settled = Settled()
    for outcome in outcomes:
        lease = Lease(outcome.task_id, outcome.lease_id)
        task = batch.tasks.get(outcome.task_id)
        if task is None or lease not in alive or not _holds(task, lease, endpoint_id):
            settled.fenced.append(outcome.task_id)
            continue
        settled.accepted.append(task.id)
        settled.used[task.user_id] += (spent := _spent(task, said[lease]))
        task.cpu += spent
        is_over = batch.end(task, said[lease], outcome.worker)
        if is_over:
            printed.keep(task, outcome.printed)
            outputs.keep(db, task, outcome)
        (settled.finished if is_over else settled.again).append(lease)
        settled.looked |= is_over and task.run_id is None and task.file_uri is not None
        if task.run_id:
            settled.runs.add(task.run_id)
    batch.write()
    batch.serve_others(settled)
    return settled


def _holds(task: TaskRow, lease: Lease, endpoint_id: str) -> bool:
    return task.state in HELD_STATES and task.lease_id == lease.lease_id and task.endpoint_id == endpoint_id


class _Batch:
    """Tasks of one batch, and the results that they leave behind."""

    def __init__(self, db: Session, endpoint: EndpointRow, tasks: Mapping[str, TaskRow]) -> None:
        self.tasks = tasks
        self._db = db
        self._endpoint = endpoint
        self._results: list[tuple[TaskRow, dict[str, Any]]] = []
        self._bookings: dict[str, str | None] = {}

    def end(self, task: TaskRow, said: Read, worker: str) -> bool:
        """Take what a worker said of a task; return False when it is to be tried again."""
        task.worker = worker
        if isinstance(said, Histograms) and not self._is_booked(task, said.booking):
            said = _DIFFERENT
        if isinstance(said, TaskProblem):
            return _take_problem(task, said, f"{worker} at {self._endpoint.name}" if worker else "")
        match said:
            case Value(text):
                task.value = text
            case Facts():
                self._keep_facts(task, said)
            case Histograms():
                self._results.append((task, self._result(task, said)))
        _close(task, TaskState.success)
        return True

    def write(self) -> None:
        """Store the chunks' results."""
        if self._results:
            self._db.execute(insert(ChunkResultRow), [result for _, result in self._results])
            EVENTS.inc(sum(task.events for task, _ in self._results))
        for task, result in self._results:
            task.result_id = result["id"]

    def serve_others(self, settled: Settled) -> None:
        """Give the results to other runs' chunks that are the same; release those that waited for them in vain."""
        self._db.flush()
        over = {task.key for task in self.tasks.values() if task.key and task.state in FINAL_TASK_STATES}
        if not over:
            return
        results = {task.key: cache.Known(row["id"], row["endpoint_id"], row["booking"]) for task, row in self._results}
        same = select(TaskRow).join(RunRow).where(TaskRow.key.in_(over), TaskRow.state == TaskState.queued)
        for task in self._db.scalars(same.where(~RunRow.fresh).with_for_update(of=TaskRow)):
            known = results.get(task.key)
            if known is not None and self._is_booked(task, known.booking):
                step(task, TaskState.leased)
                answer(task, known)
                settled.runs.add(task.run_id or "")
            elif task.parked:
                task.parked = False
                settled.released.append(task)

    def _is_booked(self, task: TaskRow, booking: str) -> bool:
        """Tell whether a chunk's histograms are like those of the run's other chunks; the first one decides."""
        run_id = task.run_id or ""
        if run_id not in self._bookings:
            mine = update(RunRow).where(RunRow.id == run_id, RunRow.booking.is_(None)).values(booking=booking)
            self._db.execute(mine, execution_options={"synchronize_session": False})
            self._bookings[run_id] = self._db.scalar(select(RunRow.booking).where(RunRow.id == run_id))
        return self._bookings[run_id] == booking

    def _keep_facts(self, task: TaskRow, facts: Facts) -> None:
        self._db.merge(
            FileFactsRow(
                checksum=task.file_checksum,
                size=task.file_size,
                tree=task.tree,
                lender_id=self._endpoint.owner_id,
                entries=facts.entries,
                offsets=facts.offsets,
                columns=facts.columns,
                simulated=facts.simulated,
            )
        )

    def _result(self, task: TaskRow, found: Histograms) -> dict[str, Any]:
        return {
            "id": new_id(),
            "key": task.key,
            "endpoint_id": self._endpoint.id,
            "booking": found.booking,
            "histograms": found.text,
            "seconds": found.seconds,
            "created": now(),
        }


def _spent(task: TaskRow, said: Read) -> float:
    """Return the CPU seconds of a task; where nobody has counted, the time since it was begun."""
    if isinstance(said, Value | Histograms):
        return min(max(said.seconds, 0.0), _MOST_SECONDS)
    began = task.started if isinstance(said, TaskProblem) else None
    return (now() - began).total_seconds() if began else 0.0


def _take_problem(task: TaskRow, problem: TaskProblem, place: str) -> bool:
    """Let a task fail, or return False when trying again may help."""
    if problem.retry and (problem.kind == "WorkerKilled" or place):
        poison.note_loss(task, place, problem.message)
    if problem.retry and poison.is_poison(task):
        problem = poison.verdict(task, problem.kind, **problem.details)
    elif problem.retry and task.attempts < MAX_ATTEMPTS:
        step(task, TaskState.lost, TaskState.queued)
        task.lease_id = None
        task.activity = ""
        return False
    elif problem.retry:
        said = f"Tried {task.attempts} times. {problem.message}"
        problem = problem.model_copy(update={"message": said[:4000], "retry": False})
    if task.run_id:
        # A run shows one problem a kind; this is where the rest of it can be looked up.
        problem = problem.model_copy(update={"details": {**problem.details, "task": task.id}})
    task.problem = problem.model_dump()
    _close(task, TaskState.failed)
    return True


def _close(task: TaskRow, state: TaskState) -> None:
    step(task, state)
    task.ended = now()
    task.started = task.started or task.leased
    task.lease_id = None
    task.activity = ""
