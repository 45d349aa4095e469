"""Outcomes on their way to the service: sent at once, in batches, kept until the service has counted or fenced them."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, Final

import structlog
from openbeam.errors import EngineFault, NotAllowed, NotSignedIn, OpenbeamError, Refused, TooMany
from openbeam.models import ResultsRequest, TaskOutcome

from openbeam_endpoint.agent.held import Held, Leases, Stage
from openbeam_endpoint.agent.link import Link, patiently
from openbeam_endpoint.agent.problems import problem_of
from openbeam_endpoint.engines import EngineReply

__all__ = ["Outbox"]

log = structlog.get_logger()

_Parts = dict[str, Any]
_BATCH: Final = 64
_BATCH_BYTES: Final = 16 * 1024 * 1024
_MOST_BYTES: Final = 256 * 1024 * 1024


class Outbox:
    """Ended tasks whose outcome the service does not have yet. Belongs to the event loop's thread."""

    def __init__(self, link: Link, leases: Leases) -> None:
        self._link = link
        self._leases = leases
        self._waiting: dict[str, tuple[Held, _Parts]] = {}
        self._bytes = 0
        self._batch = _BATCH
        self._filled = asyncio.Event()

    def put(self, held: Held, reply: EngineReply) -> None:
        """Take the outcome of a held task; a result that there is no room for becomes a problem that a retry mends."""
        if self._leases.get(held.id) is not held:
            return
        parts = _parts(reply)
        if self._bytes + _size(parts) > _MOST_BYTES:
            full = EngineFault("The endpoint has no room for results until the service answers again.")
            parts = {"problem": problem_of(full)}
        self._leases.move(held, Stage.ended)
        self._keep(held, parts)

    def drop(self, held: Held) -> None:
        """Forget a task's outcome, if there is one: nobody wants it any more."""
        found = self._waiting.pop(held.id, None)
        self._bytes -= _size(found[1]) if found else 0

    async def send_all(self) -> None:
        """Send what there is, and what comes, for ever."""
        while True:
            await self._filled.wait()
            await patiently()(self.send_some)

    async def send_rest(self) -> None:
        """Send all that there is, without a second try; raises as ``Link`` does."""
        while self._waiting:
            await self.send_some()

    async def send_some(self) -> None:
        """Send one batch; raises as ``Link`` does, and then everything is still there."""
        batch = self._choose()
        if not batch:
            self._filled.clear()
            return
        try:
            reply = await self._link.results(ResultsRequest(outcomes=batch))
        except (NotSignedIn, NotAllowed, TooMany):
            raise
        except Refused as error:
            self._refused(batch, error)
            return
        self._batch = _BATCH
        for outcome in batch:
            self._settle(outcome, fenced=outcome.task_id in reply.fenced)

    def _keep(self, held: Held, parts: _Parts) -> None:
        self.drop(held)
        self._waiting[held.id] = (held, parts)
        self._bytes += _size(parts)
        self._filled.set()

    def _choose(self) -> list[TaskOutcome]:
        batch: list[TaskOutcome] = []
        size = 0
        for held, parts in self._waiting.values():
            size += _size(parts)
            if batch and (len(batch) == self._batch or size > _BATCH_BYTES):
                break
            batch.append(TaskOutcome(task_id=held.id, lease_id=held.lease_id, **parts))
        return batch

    def _settle(self, sent: TaskOutcome, *, fenced: bool) -> None:
        held = self._leases.get(sent.task_id)
        if held is None or held.id not in self._waiting:
            return
        if fenced and held.lease_id != sent.lease_id:
            # The task was leased again while its outcome travelled: the outcome counts under the new lease.
            return
        if fenced:
            log.info("a result came too late", task=held.id)
        self._forget(held)

    def _refused(self, batch: list[TaskOutcome], error: OpenbeamError) -> None:
        """Find the outcome that the service does not take: one at a time, and then its reason in its place."""
        if len(batch) > 1:
            self._batch = 1
            return
        (sent,) = batch
        held = self._leases.get(sent.task_id)
        if held is None or held.id not in self._waiting:
            return
        log.error("the service does not take a result", task=held.id, reason=error.message)
        if sent.problem is not None:
            # Not even the reason is taken. The lease runs out, and the service knows the task as lost.
            self._forget(held)
            return
        fault = EngineFault(f"The service did not take the result: {error.message}")
        self._keep(held, {"problem": problem_of(fault, retry=False)})

    def _forget(self, held: Held) -> None:
        self.drop(held)
        self._leases.remove(held)


def _parts(reply: EngineReply) -> _Parts:
    """Return what an engine's reply is on its way: the fields of a ``TaskOutcome``."""
    parts: _Parts = {"worker": reply.worker, "printed": reply.printed}
    if reply.problem is not None:
        return {**parts, "problem": reply.problem}
    if reply.outputs:
        parts["outputs"] = list(reply.outputs)
    return {**parts, "body": base64.b64encode(reply.body or b"").decode("ascii")}


def _size(parts: _Parts) -> int:
    printed = parts.get("printed")
    return len(parts.get("body", "")) + (len(printed.stdout) + len(printed.stderr) if printed else 0)
