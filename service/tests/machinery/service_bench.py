"""A backend in the test's own process: a database, a real Valkey, no HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from openbeam.models import (
    DatasetSpec,
    EndpointSpec,
    EndpointStatus,
    FunctionSpec,
    LeasedTask,
    LeaseRef,
    RenewRequest,
    ResultsRequest,
    Role,
    RunSubmit,
    TaskOutcome,
    TaskSubmit,
)
from openbeam.states import RunState
from openbeam_service.database import make_engine, make_sessions
from openbeam_service.endpoints.store import register
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.store import add_user
from openbeam_service.registry.store import publish_dataset, publish_function
from openbeam_service.runs.models import FileFactsRow, RunRow
from openbeam_service.tables import metadata
from openbeam_service.tasks.backend import Backend
from openbeam_service.tasks.models import TaskRow
from openbeam_service.tasks.queue import TaskQueue
from service_kit import ANALYSIS, PLAIN, body
from sqlalchemy import select

KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "WKn-ZIGevcwGIyyrzFoZNBdaq9_TsqzGl96oc0CWuis",
    "y": "y77t-RvAHRKTsSGdIYUfweuOvwrvDD-Q3Hv5J0fSKbE",
}
STATUS = EndpointStatus.model_validate({"workers": 1, "isolation": "docker", "environment": "sha256:1", "version": "1"})
FILE = {"uri": "root://e//f", "size": 9, "checksum": "adler32:00000009"}


class Bench:
    """A backend with one function, one dataset and one endpoint."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        with backend.sessions.begin() as db:
            user = add_user(db, "ada", Role.teacher, None)
            self.caller = Principal(user.id, user.name, user.role, frozenset({"tasks:run"}), "portal")
            publish_function(db, self.caller, FunctionSpec(name="f", source=PLAIN, entrypoint="double"))
            analysis = FunctionSpec(name="a", kind="analysis", source=ANALYSIS, entrypoint="analyze")
            publish_function(db, self.caller, analysis)
            publish_dataset(db, self.caller, DatasetSpec(name="d", title="d", files=[FILE]))
            row, _ = register(db, self.caller, EndpointSpec(name="e", key=KEY))
            self.endpoint = row.id
            facts = {"checksum": FILE["checksum"], "size": FILE["size"], "tree": "Events", "lender_id": user.id}
            db.add(FileFactsRow(**facts, entries=100, offsets=[0, 100], columns=[]))
        backend.presence.seen(self.endpoint, STATUS)

    def submit(self) -> str:
        return self.backend.submit_call(self.caller, TaskSubmit(function="f")).id

    def run(self, **more: Any) -> str:
        return self.backend.submit_run(self.caller, RunSubmit(function="a", dataset="d", **more)).id

    async def lease(self) -> list[LeasedTask]:
        taken = await self.backend.queue.lease(self.endpoint, 10, 0)
        return await asyncio.to_thread(self.backend.lend, self.endpoint, taken)

    def give(self, task: LeasedTask, value: Any, **more: Any) -> bool:
        return self.settle(task, {"body": body(value), **more})

    def settle(self, task: LeasedTask, parts: dict[str, Any]) -> bool:
        """Hand in how a task ended; return whether it counted."""
        outcome = TaskOutcome.model_validate({"task_id": task.task_id, "lease_id": task.lease_id, **parts})
        return bool(self.backend.settle(self.endpoint, ResultsRequest(outcomes=[outcome])).accepted)

    def renew(self, task: LeasedTask, *, running: bool = False) -> list[str]:
        """Renew one lease; return what is to be stopped."""
        ref = LeaseRef(task_id=task.task_id, lease_id=task.lease_id, running=running)
        return self.backend.renew(self.endpoint, RenewRequest(leases=[ref], status=STATUS)).stop

    def lapse(self) -> None:
        """Let all leases' time be over, and sweep."""
        queue = self.backend.queue
        for entry in queue.connection.zrange(f"rq:wip:{self.endpoint}", 0, -1):
            queue.connection.zadd(f"rq:wip:{self.endpoint}", {entry: 1})
        self.backend.note_lost(queue.sweep())

    def task(self, task_id: str) -> TaskRow:
        with self.backend.sessions() as db:
            return db.get_one(TaskRow, task_id)

    def state(self, run_id: str) -> RunState:
        with self.backend.sessions() as db:
            return db.get_one(RunRow, run_id).state

    def tasks(self, run_id: str) -> list[TaskRow]:
        with self.backend.sessions() as db:
            return list(db.scalars(select(TaskRow).where(TaskRow.run_id == run_id)))


@asynccontextmanager
async def make_bench(valkey: str, database: str) -> AsyncIterator[Bench]:
    engine = make_engine(database)
    metadata.create_all(engine)
    queue = TaskQueue(valkey, lease_seconds=60)
    queue.connection.flushall()
    backend = Backend(make_sessions(engine), queue)
    try:
        yield Bench(backend)
    finally:
        await backend.gatherer.close()
        await queue.close()
        engine.dispose()
