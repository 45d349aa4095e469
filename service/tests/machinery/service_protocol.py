"""A site for the lease protocol: database, Valkey, and a service that crashes and starts again, all in one process.

Nothing happens by itself: no time passes, the sweeper sweeps when it is told, and the gatherer is waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from joserfc.jwk import ECKey
from openbeam.errors import Conflict
from openbeam.models import (
    DatasetSpec,
    EndpointSpec,
    FunctionSpec,
    LeasedTask,
    LeaseRef,
    RenewRequest,
    ResultsReply,
    ResultsRequest,
    Role,
    Run,
    RunAgain,
    RunFilter,
    RunSubmit,
    TaskOutcome,
)
from openbeam_service.database import make_engine, make_sessions
from openbeam_service.endpoints.store import register
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.store import add_user
from openbeam_service.registry.store import publish_dataset, publish_function
from openbeam_service.runs.models import ChunkResultRow, FileFactsRow, RunRow
from openbeam_service.runs.store import list_runs, shown_runs
from openbeam_service.tables import metadata
from openbeam_service.tasks.backend import Backend
from openbeam_service.tasks.models import TaskRow
from openbeam_service.tasks.queue import TaskQueue
from redis import ConnectionError as QueueAway
from service_bench import STATUS
from service_kit import ANALYSIS
from sqlalchemy import Row, delete, select

EVENTS = (100, 200, 300)
"""Of the files of the dataset. Each is one chunk, and no two sums of chunks are alike."""


class Site:
    """One analysis, one dataset of three chunks, and two endpoints of one owner, which share what they know."""

    def __init__(self, valkey: str, database: str) -> None:
        self._valkey = valkey
        self._loop = asyncio.Runner()
        self._engine = make_engine(database)
        metadata.create_all(self._engine)
        self.kind = self._engine.dialect.name
        self.sessions = make_sessions(self._engine)
        self.backend = self._run(self._made())
        self.endpoints = self._furnish()

    def _furnish(self) -> list[str]:
        files = [
            {"uri": f"root://e//{events}", "size": events, "checksum": f"adler32:{events:08x}"} for events in EVENTS
        ]
        with self.sessions.begin() as db:
            user = add_user(db, "ada", Role.teacher, None)
            self.caller = Principal(user.id, user.name, user.role, frozenset({"tasks:run"}), "portal")
            publish_function(
                db, self.caller, FunctionSpec(name="a", kind="analysis", source=ANALYSIS, entrypoint="analyze")
            )
            publish_dataset(db, self.caller, DatasetSpec(name="d", title="d", files=files))
            for file, events in zip(files, EVENTS, strict=True):
                facts = {"checksum": file["checksum"], "size": file["size"], "tree": "Events", "lender_id": user.id}
                db.add(FileFactsRow(**facts, entries=events, offsets=[0, events], columns=[]))
            keys = [ECKey.generate_key("P-256").as_dict(private=False) for _ in range(2)]
            made = [
                register(db, self.caller, EndpointSpec(name=f"e{index}", key=key))[0] for index, key in enumerate(keys)
            ]
            endpoints = [row.id for row in made]
        for endpoint in endpoints:
            self.backend.presence.seen(endpoint, STATUS)
        return endpoints

    # ------------------------------------------------------------------------------------------ the service's life
    async def _made(self) -> Backend:
        return Backend(self.sessions, TaskQueue(self._valkey, lease_seconds=60))

    async def _closed(self) -> None:
        await self.backend.gatherer.close()
        await self.backend.queue.close()

    def _run(self, what: Coroutine[Any, Any, Any]) -> Any:
        return self._loop.run(what)

    def restart(self) -> None:
        """End the service, with all that only its memory knows, and start it again."""
        self._run(self._closed())
        self.backend = self._run(self._made())

    def reset(self) -> None:
        """Forget all runs, and all that is in Valkey."""
        self.restart()
        self.flush()
        with self.sessions.begin() as db:
            for table in (TaskRow, RunRow, ChunkResultRow):
                db.execute(delete(table))

    def close(self) -> None:
        """End for good."""
        self._run(self._closed())
        self._loop.close()
        self._engine.dispose()

    def gather(self) -> None:
        """Let the gatherer do what it has been told of."""

        async def idle() -> None:
            await asyncio.sleep(0)
            while serving := self.backend.gatherer._serving:
                await asyncio.gather(*serving.values())

        self._run(idle())

    def flush(self) -> None:
        """Let Valkey start again with nothing."""
        connection = self.backend.queue.connection
        connection.flushall()
        connection.script_flush()
        connection.connection_pool.disconnect()

    @contextmanager
    def away(self, *steps: str) -> Iterator[None]:
        """Let Valkey be away at these steps of the queue."""

        def fail(*_: Any, **__: Any) -> None:
            raise QueueAway

        queue = self.backend.queue
        for step in steps:
            setattr(queue, step, fail)
        try:
            yield
        except QueueAway:
            pass
        finally:
            for step in steps:
                delattr(queue, step)

    # ------------------------------------------------------------------------------------------ people
    def submit(self, endpoint: str, *, fresh: bool) -> str:
        """Start a run; return its id."""
        return self.backend.submit_run(
            self.caller, RunSubmit(function="a", dataset="d", endpoint=endpoint, fresh=fresh)
        ).id

    def cancel(self, run_id: str) -> None:
        """Cancel a run."""
        self.backend.cancel_run(self.caller, run_id)

    def resubmit(self, run_id: str) -> list[str]:
        """Go on with what a run lacks; return the new run's id, or nothing when it lacks nothing or has not ended."""
        try:
            return [self.backend.resubmit_run(self.caller, run_id, RunAgain()).id]
        except Conflict:
            return []

    def runs(self) -> list[Run]:
        """Return all runs as people see them."""
        with self.sessions() as db:
            return shown_runs(db, list_runs(db, self.caller, RunFilter()))

    def histograms(self, run_id: str) -> str:
        """Return the histograms of a run."""
        with self.sessions() as db:
            return self.backend.gatherer.histograms(db, run_id)

    def tasks(self) -> Sequence[Row[Any]]:
        """Return how all chunks stand."""
        columns = (TaskRow.id, TaskRow.state, TaskRow.lease_id, TaskRow.result_id, TaskRow.cached)
        with self.sessions() as db:
            return db.execute(select(*columns)).all()

    def results(self) -> list[str]:
        """Return the ids of all chunks' results, in order."""
        with self.sessions() as db:
            return sorted(db.scalars(select(ChunkResultRow.id)))

    # ------------------------------------------------------------------------------------------ agents
    def take(self, endpoint: str, want: int) -> list[str]:
        """Take tasks out of the queue; they are in transit."""
        return list(self._run(self.backend.queue.lease(endpoint, want, 0)))

    def lend(self, endpoint: str, task_ids: list[str]) -> list[LeasedTask]:
        """Turn tasks in transit into leases."""
        return self.backend.lend(endpoint, task_ids)

    def settle(self, endpoint: str, outcomes: Iterable[TaskOutcome]) -> ResultsReply:
        """Hand in outcomes."""
        return self.backend.settle(endpoint, ResultsRequest(outcomes=list(outcomes)))

    def renew(self, endpoint: str, leases: Iterable[LeasedTask]) -> list[str]:
        """Show signs of life; return the tasks to stop."""
        refs = [LeaseRef(task_id=one.task_id, lease_id=one.lease_id, running=True) for one in leases]
        return self.backend.renew(endpoint, RenewRequest(leases=refs, status=STATUS)).stop

    # ------------------------------------------------------------------------------------------ time
    def lapse(self, endpoint: str, lease_id: str = "") -> None:
        """Let the time of one lease be over, or of all. Its key lapses, too."""
        connection = self.backend.queue.connection
        for entry in connection.zrange(f"rq:wip:{endpoint}", 0, -1):
            if entry.decode().endswith(lease_id):
                connection.zadd(f"rq:wip:{endpoint}", {entry: 1})
                connection.delete(f"rq:execution:{entry.decode()}")

    def sweep(self) -> None:
        """Bring back what was lost."""
        self.backend.note_lost(self.backend.queue.sweep())

    def left(self) -> list[str]:
        """Return what is in Valkey for ever: names of queues apart, nothing should be once all has ended."""
        connection = self.backend.queue.connection
        keys = [key for key in connection.scan_iter() if connection.ttl(key) == -1]
        return sorted(key.decode() for key in keys if key != b"rq:queues")
