"""The door of hosts' agents: hear what is wanted, hand in endpoints' keys, tell what there is."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Security, status
from openbeam.models import HostOrders, HostReport, ManagedKey, OrdersRequest
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from openbeam_service.access import visible_managed
from openbeam_service.database import Db
from openbeam_service.hosting import managed, store
from openbeam_service.hosting.models import HostRow
from openbeam_service.identity.principal import Principal, principal
from openbeam_service.identity.scopes import HOST_SCOPE
from openbeam_service.tasks.backend import Backend

__all__ = ["news", "router"]

router = APIRouter(prefix="/host", tags=["host agents"])
HostAgent = Annotated[Principal, Security(principal, scopes=[HOST_SCOPE])]


def news(host_id: str) -> str:
    """Return the key under which a host's agent waits."""
    return f"host:{host_id}"


def _host(agent: Principal) -> str:
    # The scope is given to hosts' agents only.
    return agent.host_id or ""


@router.post("/orders", summary="Wait for other orders")
async def wait_for_orders(request: Request, agent: HostAgent, wanted: OrdersRequest) -> HostOrders:
    """Return all that the host shall run, as soon as that is another generation, or after ``wait`` seconds."""
    backend: Backend = request.app.state.backend
    host_id = _host(agent)

    def look() -> int:
        with backend.sessions() as db:
            return db.scalar(select(HostRow.generation).where(HostRow.id == host_id)) or 0

    def read() -> HostOrders:
        with backend.sessions() as db:
            return managed.orders(db, host_id)

    await backend.notifier.wait(
        news(host_id), wanted.wait, lambda: run_in_threadpool(look), lambda found: found != wanted.known
    )
    return await run_in_threadpool(read)


@router.post("/report", summary="Tell what there is", status_code=status.HTTP_204_NO_CONTENT)
def report(db: Db, agent: HostAgent, told: HostReport) -> None:
    """Keep it for administrators to see."""
    store.keep(db, _host(agent), told)


@router.post(
    "/endpoints/{ref}/key", summary="Hand in the key of a managed endpoint", status_code=status.HTTP_204_NO_CONTENT
)
def give_key(db: Db, agent: HostAgent, ref: Annotated[str, Path(max_length=64)], given: ManagedKey) -> None:
    """Accept the endpoint's agent by this key, and by no earlier one."""
    host = db.get_one(HostRow, _host(agent))
    managed.give_key(db, agent, managed.find(db, visible_managed(agent), host, ref), given.key)
