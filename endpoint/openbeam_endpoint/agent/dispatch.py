"""The way of one task: its files, its tenant's engine, its outcome. Code and body are handed on, and never opened."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial

import structlog
from openbeam.errors import EngineFault, OpenbeamError
from openbeam.models import LeasedTask

from openbeam_endpoint.agent.allowed import AllowList
from openbeam_endpoint.agent.held import Held, Leases, Stage
from openbeam_endpoint.agent.outbox import Outbox
from openbeam_endpoint.agent.problems import problem_of
from openbeam_endpoint.agent.tenants import Tenants
from openbeam_endpoint.engines import EngineReply
from openbeam_endpoint.keeper import Keeper
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.stageout.desk import Desk
from openbeam_endpoint.stageout.intake import Intake

__all__ = ["Dispatcher"]

log = structlog.get_logger()


class Dispatcher:
    """Gives each leased task a job that ends with an outcome. Belongs to the event loop's thread.

    ``only`` is the one tenant that may run here, when nothing protects the machine from code; ``shared`` is the tenant
    whose engine is everybody's, where engines are no walls; ``allowed`` is the owner's own list of functions; the
    ``desk`` brings to their place what tasks write.
    """

    def __init__(
        self,
        leases: Leases,
        keeper: Keeper,
        tenants: Tenants,
        outbox: Outbox,
        *,
        only: str | None = None,
        shared: str | None = None,
        allowed: AllowList | None = None,
        desk: Desk | None = None,
    ) -> None:
        self._leases = leases
        self._keeper = keeper
        self._tenants = tenants
        self._outbox = outbox
        self._only = only
        self._shared = shared
        self._allowed = allowed or AllowList(())
        self._desk = desk

    def take(self, task: LeasedTask) -> None:
        """Start the job of a leased task."""
        if held := self._leases.add(task):
            held.job = asyncio.get_running_loop().create_task(self._work(held))
            held.job.add_done_callback(partial(self._finish, held))

    def stop(self, task_id: str, lease_id: str) -> None:
        """Forget a task whose lease is gone, unless it was leased again in the meantime."""
        held = self._leases.get(task_id)
        if held and held.lease_id == lease_id:
            self._leases.remove(held)
            self._outbox.drop(held)
            if held.job:
                held.job.cancel()

    def give_back(self) -> None:
        """Stop every job; its outcome is a problem that a retry mends."""
        for held in self._leases.all():
            if held.stage is not Stage.ended:
                self._outbox.put(held, EngineReply(None, problem_of(EngineFault("The endpoint was stopped."))))
                if held.job:
                    held.job.cancel()

    async def _work(self, held: Held) -> EngineReply:
        task = held.task
        if self._only and task.tenant != self._only:
            alone = EngineFault("This endpoint has no isolation: it serves its owner only.")
            return EngineReply(None, problem_of(alone, retry=False))
        code = base64.b64decode(task.code)
        self._allowed.check(task, code)
        held.activity = partial(self._keeper.activity, task.files)
        await self._keeper.fetch(task.files)
        with self._outputs_of(task) as intake:
            reply = await self._run(held, code, intake)
            if reply.problem is None and reply.body is None:
                raise EngineFault("The engine gave no answer.")
            if reply.problem is None and intake is not None and self._desk is not None:
                # No engine is needed for that: another task may have it.
                self._leases.move(held, Stage.parked)
                reply = replace(reply, outputs=await self._desk.deliver(held, intake))
        return reply

    async def _run(self, held: Held, code: bytes, intake: Intake | None) -> EngineReply:
        task = held.task
        held.activity = lambda: "waiting for an engine"
        async with self._tenants.engine(self._shared or task.tenant) as engine:
            self._leases.move(held, Stage.engaged)
            held.activity = engine.engine.activity
            running = partial(self._leases.start, held)
            parcel = pack(code, base64.b64decode(task.body))
            return await engine.run(task.lease_id, parcel, task.timeout, running, task.series, intake)

    @contextmanager
    def _outputs_of(self, task: LeasedTask) -> Iterator[Intake | None]:
        intake = self._desk.expect(task) if self._desk is not None else None
        try:
            yield intake
        finally:
            if intake is not None:
                intake.close()

    def _finish(self, held: Held, job: asyncio.Task[EngineReply]) -> None:
        if job.cancelled():
            return
        error = job.exception()
        if error is None:
            reply = job.result()
        elif isinstance(error, OpenbeamError):
            reply = EngineReply(None, problem_of(error))
        else:
            log.error("a task's job failed", task=held.id, exc_info=error)
            fault = EngineFault("The endpoint failed at this task. Its log has the reason.")
            reply = EngineReply(None, problem_of(fault))
        if reply.problem is not None:
            log.info("a task has no result", task=held.id, kind=reply.problem.kind, retry=reply.problem.retry)
        self._outbox.put(held, reply)
