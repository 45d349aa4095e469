"""The agents' door: lease work, show signs of life, hand in results."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Request, Security, status
from openbeam.models import (
    EnvironmentReport,
    LeasedTask,
    LeaseReply,
    LeaseRequest,
    OutputGrant,
    OutputRequest,
    RenewReply,
    RenewRequest,
    ResultsReply,
    ResultsRequest,
    SealingKey,
    StopsReply,
    StopsRequest,
)
from starlette.concurrency import run_in_threadpool

from openbeam_service.database import Db
from openbeam_service.endpoints import environments, sealing
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.identity.scopes import AGENT_SCOPE
from openbeam_service.tasks import outputs
from openbeam_service.tasks.backend import Backend
from openbeam_service.tasks.queue import queue_answers

__all__ = ["router"]

router = APIRouter(prefix="/agent", tags=["agents"])
Agent = Annotated[Principal, Security(principal, scopes=[AGENT_SCOPE])]


def _endpoint(agent: Principal) -> str:
    # The scope is given to agents only, and an agent has an endpoint.
    return agent.endpoint_id or ""


@router.post("/lease", summary="Wait for work")
async def lease(request: Request, agent: Agent, wanted: LeaseRequest) -> LeaseReply:
    """Return up to ``want`` tasks as soon as there is one, or none after ``wait`` seconds."""
    backend: Backend = request.app.state.backend
    endpoint_id = _endpoint(agent)
    if backend.presence.is_news(endpoint_id, wanted.status):
        await run_in_threadpool(backend.presence.seen, endpoint_id, wanted.status)
    deadline = time.monotonic() + wanted.wait
    tasks: list[LeasedTask] = []
    with queue_answers(), backend.presence.polling(endpoint_id):
        while not tasks:
            taken = await _take(request, endpoint_id, wanted.want, deadline - time.monotonic())
            if taken is None:
                break
            tasks = await run_in_threadpool(backend.lend, endpoint_id, taken)
    return LeaseReply(tasks=tasks, lease_seconds=request.app.state.settings.lease_seconds)


@router.post("/renew", summary="Keep leases, and hear which tasks to stop")
def renew(request: Request, agent: Agent, held: RenewRequest) -> RenewReply:
    """Prolong the leases that there still are."""
    backend: Backend = request.app.state.backend
    with queue_answers():
        return backend.renew(_endpoint(agent), held)


@router.post("/stops", summary="Wait until something is to be stopped")
async def stops(request: Request, agent: Agent, wanted: StopsRequest) -> StopsReply:
    """Return when a task that the agent has was cancelled, or after ``wait`` seconds. Which one, a renewal tells."""
    backend: Backend = request.app.state.backend
    return StopsReply(stop=await backend.notifier.hear(_endpoint(agent), wanted.wait))


@router.post("/results", summary="Hand in the ends of tasks")
def results(request: Request, agent: Agent, ended: ResultsRequest) -> ResultsReply:
    """Take a batch; what comes too late, or twice, does not count."""
    backend: Backend = request.app.state.backend
    with queue_answers():
        return backend.settle(_endpoint(agent), ended)


@router.post("/environment", summary="Tell what the engine has installed", status_code=status.HTTP_204_NO_CONTENT)
def tell_environment(db: Db, agent: Agent, report: EnvironmentReport) -> None:
    """Keep it until the agent starts again and tells anew."""
    environments.keep(db, _endpoint(agent), report)


@router.post("/sealing-key", summary="Tell the key to seal credentials to", status_code=status.HTTP_204_NO_CONTENT)
def tell_sealing_key(db: Db, agent: Agent, told: SealingKey) -> None:
    """Keep it: users seal their credentials for this endpoint to it, so that the agent alone can open them."""
    sealing.keep(db, agent, told)


@router.post("/outputs", summary="Ask where the outputs of a task may go")
def grant_outputs(db: Db, agent: Agent, asked: OutputRequest) -> OutputGrant:
    """Return whose they are, and the sealed credential that the task names. The agent must hold the task."""
    return outputs.grant(db, agent, asked)


async def _take(request: Request, endpoint_id: str, want: int, wait: float) -> list[str] | None:
    """Take tasks out of the queue; None when the time is up, the agent has gone away, or the service stops."""
    backend: Backend = request.app.state.backend
    taken = await backend.queue.lease(endpoint_id, want, 0)
    if taken or wait <= 0:
        return taken or None
    taking = asyncio.create_task(backend.queue.lease(endpoint_id, want, wait))
    gone = asyncio.create_task(_gone(request))
    closing = asyncio.create_task(request.app.state.closing.wait())
    try:
        await asyncio.wait({taking, gone, closing}, return_when=asyncio.FIRST_COMPLETED)
        if not taking.done():
            return None
        taken = taking.result()
        if taken and gone.done():
            await run_in_threadpool(backend.queue.put_back, endpoint_id, taken)
            return None
        return taken or None
    finally:
        # What a cancelled request takes out of the queue stays in transit, where the sweeper finds it.
        await _cancelled(taking, gone, closing)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _cancelled(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
