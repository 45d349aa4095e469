"""From leases to what an agent gets: an envelope for the agent, a body for the engine."""

from __future__ import annotations

import base64
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final

from openbeam.errors import NotSignedIn
from openbeam.models import CallBody, ChunkBody, InspectBody, LeasedTask, TaskKind, TaskProblem
from openbeam.states import TaskState
from sqlalchemy import select, update
from sqlalchemy.orm import Session, joinedload, undefer

from openbeam_service.access import barred_users
from openbeam_service.database import now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.endpoints.policy import why_not
from openbeam_service.identity.secret import digest
from openbeam_service.registry.models import FunctionRow
from openbeam_service.registry.source import code_of
from openbeam_service.runs import cache
from openbeam_service.runs.models import RunRow
from openbeam_service.tasks.models import ACTIVE_STATES, HELD_STATES, TaskRow
from openbeam_service.tasks.queue import Lease
from openbeam_service.tasks.steps import answer, claim, step

__all__ = ["Lent", "lend"]

_BARRED: Final = "This endpoint is not shared with you any more. Choose another one."


@dataclass
class Lent:
    """What became of some leases."""

    tasks: list[LeasedTask] = field(default_factory=list)
    """For the agent."""
    ended: list[Lease] = field(default_factory=list)
    """Not for the agent: the task has ended before, or ends now."""
    ended_tasks: set[str] = field(default_factory=set)
    """Tasks that end now."""
    runs: set[str] = field(default_factory=set)
    """Runs that have news."""


def lend(db: Session, endpoint_id: str, leases: Sequence[Lease]) -> Lent:
    """Hand leased tasks to an endpoint's agent. The session must be fresh; what is returned holds once it commits.

    Chunks that are known by now are answered here, and chunks that another run is computing right now wait for it: of
    thirty who start together, one computes.
    """
    tasks = claim(db, [lease.task_id for lease in leases])
    endpoint = db.get_one(EndpointRow, endpoint_id, options=[joinedload(EndpointRow.client)])
    if not endpoint.client.active:
        # It was waiting for work when its key was revoked. The leases run out, and the tasks wait again.
        raise NotSignedIn("The key of this endpoint was revoked. Configure it again.", reason="invalid_token")
    lent = Lent()
    open_ = [(task, lease) for lease in leases if (task := tasks.get(lease.task_id)) and _is_open(task, endpoint)]
    lent.ended = [lease for lease in leases if lease not in {lease for _, lease in open_}]
    barred = barred_users(db, endpoint, {task.user_id for task, _ in open_})
    chunks = _Chunks(db, endpoint, [task for task, _ in open_])
    going = []
    for task, lease in open_:
        _requeue(task)
        if (reason := _BARRED if task.user_id in barred else why_not(endpoint, task.function)) is not None:
            _refuse(lent, task, lease, reason)
        elif (known := chunks.known(task)) is not None:
            _answer(lent, task, lease, known)
        elif chunks.is_under_way(task):
            task.parked = True
            lent.ended.append(lease)
        else:
            _take(task, lease)
            going.append((task, lease))
    sources = _sources(db, {task.function_id for task, _ in going})
    lent.tasks = [
        _envelope(task, lease, sources[task.function_id], chunks.runs.get(task.run_id or "")) for task, lease in going
    ]
    lent.runs |= _note_runs(db, endpoint, {task.run_id for task, _ in open_ if task.run_id})
    return lent


# ------------------------------------------------------------------------------------------------ one task
def _is_open(task: TaskRow, endpoint: EndpointRow) -> bool:
    return task.endpoint_id == endpoint.id and task.state in ACTIVE_STATES


def _requeue(task: TaskRow) -> None:
    if task.state in HELD_STATES:
        # The queue knew before the database that the earlier lease was lost.
        step(task, TaskState.lost, TaskState.queued)
        task.lease_id = None


def _take(task: TaskRow, lease: Lease) -> None:
    step(task, TaskState.leased)
    task.lease_id = lease.lease_id
    task.attempts += 1
    task.parked = False
    task.activity = ""
    task.leased = now()
    task.started = None


def _answer(lent: Lent, task: TaskRow, lease: Lease, known: cache.Known) -> None:
    _take(task, lease)
    answer(task, known)
    _end(lent, task, lease)


def _refuse(lent: Lent, task: TaskRow, lease: Lease, reason: str) -> None:
    """End a task that its endpoint does not take any more: its policy may have changed since the task was queued."""
    step(task, TaskState.failed)
    task.ended = now()
    task.problem = TaskProblem(kind="FunctionRefused", message=reason).model_dump()
    _end(lent, task, lease)


def _end(lent: Lent, task: TaskRow, lease: Lease) -> None:
    lent.ended.append(lease)
    lent.ended_tasks.add(task.id)
    if task.run_id:
        lent.runs.add(task.run_id)


# ------------------------------------------------------------------------------------------------ chunks
class _Chunks:
    """What is known, and what is being computed, of the chunks among some tasks."""

    def __init__(self, db: Session, endpoint: EndpointRow, tasks: Sequence[TaskRow]) -> None:
        self.runs = self._load_runs(db, {task.run_id for task in tasks if task.run_id})
        recipes = {run.id: cache.recipe(run) for run in self.runs.values()}
        environment = (endpoint.status or {}).get("environment", "")
        for task in tasks:
            if task.run_id:
                task.key = cache.chunk_key(recipes[task.run_id], cache.Part.of(task), endpoint, environment)
        shared = {task.key for task in tasks if task.key and self._may_share(task)}
        self._known = cache.find(db, shared)
        self._under_way = self._load_under_way(db, endpoint, shared, {task.id for task in tasks})

    def known(self, task: TaskRow) -> cache.Known | None:
        """Return the result that has come while a chunk was waiting."""
        known = self._known.get(task.key or "")
        if known is None or not self._may_share(task):
            return None
        run = self.runs[task.run_id or ""]
        if run.booking not in {None, known.booking}:
            return None
        run.booking = known.booking
        return known

    def is_under_way(self, task: TaskRow) -> bool:
        """Tell whether somebody computes the same chunk; if not, this one is the one that does."""
        if task.key is None:
            return False
        if task.key in self._under_way and self._may_share(task):
            return True
        self._under_way.add(task.key)
        return False

    def _may_share(self, task: TaskRow) -> bool:
        return task.run_id is not None and not self.runs[task.run_id].fresh

    def _load_runs(self, db: Session, run_ids: Collection[str]) -> dict[str, RunRow]:
        if not run_ids:
            return {}
        query = select(RunRow).options(joinedload(RunRow.function), undefer(RunRow.booking))
        query = query.where(RunRow.id.in_(run_ids)).order_by(RunRow.id).with_for_update(of=RunRow)
        return {run.id: run for run in db.scalars(query)}

    def _load_under_way(
        self, db: Session, endpoint: EndpointRow, keys: Collection[str], here: Collection[str]
    ) -> set[str]:
        if not keys:
            return set()
        held = select(TaskRow.key).where(TaskRow.key.in_(keys), TaskRow.state.in_(HELD_STATES))
        elsewhere = held.where(TaskRow.endpoint_id == endpoint.id, TaskRow.id.not_in(here))
        return {key for key in db.scalars(elsewhere) if key}


# ------------------------------------------------------------------------------------------------ what goes out
def _sources(db: Session, function_ids: Collection[str]) -> dict[str, str]:
    query = select(FunctionRow.id, FunctionRow.source).where(FunctionRow.id.in_(function_ids))
    return dict(db.execute(query).all())


def _envelope(task: TaskRow, lease: Lease, source: str, run: RunRow | None) -> LeasedTask:
    body = _body(task, run)
    code = b"" if task.kind is TaskKind.inspect else code_of(task.function.format, source)
    return LeasedTask(
        task_id=task.id,
        lease_id=lease.lease_id,
        kind=task.kind,
        tenant=task.tenant,
        timeout=task.timeout,
        files=[] if task.kind is TaskKind.call else [task.file],
        code=base64.b64encode(code).decode("ascii"),
        body=base64.b64encode(body.model_dump_json().encode()).decode("ascii"),
        series=digest(f"{task.user_id} {task.function_id}") if task.kind is TaskKind.call else "",
        outputs=task.outputs_to,
    )


def _body(task: TaskRow, run: RunRow | None) -> CallBody | ChunkBody | InspectBody:
    function = task.function
    if task.kind is TaskKind.call:
        about = {"name": function.name, "format": function.format, "python": function.python}
        arguments = task.arguments or {"args": [], "kwargs": {}}
        return CallBody(**about, entrypoint=function.entrypoint, **arguments)
    if task.kind is TaskKind.inspect or run is None:
        return InspectBody(file=task.file.checksum, size=task.file.size, tree=task.tree or "")
    return ChunkBody(
        name=function.name,
        entrypoint=function.entrypoint,
        params=run.params,
        file=task.file.checksum,
        size=task.file.size,
        tree=run.tree,
        layout=run.layout,
        start=task.start or 0,
        stop=task.stop or 0,
    )


def _note_runs(db: Session, endpoint: EndpointRow, run_ids: set[str]) -> set[str]:
    if run_ids:
        environment = (endpoint.status or {}).get("environment")
        first = update(RunRow).where(RunRow.id.in_(run_ids), RunRow.first_lease.is_(None))
        db.execute(
            first.values(first_lease=now(), environment=environment), execution_options={"synchronize_session": False}
        )
    return run_ids
