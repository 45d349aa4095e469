"""Call a plain function, and wait for what it returns."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Security, status
from openbeam.models import MAX_WAIT, Task, TaskSubmit
from openbeam.states import FINAL_TASK_STATES
from starlette.concurrency import run_in_threadpool

from openbeam_service.identity.principal import Principal, principal
from openbeam_service.tasks import store
from openbeam_service.tasks.backend import Backend

__all__ = ["Wait", "router"]

router = APIRouter(prefix="/tasks", tags=["tasks"])
Runner = Annotated[Principal, Security(principal, scopes=["tasks:run"])]
Wait = Annotated[float, Query(ge=0, le=MAX_WAIT, description="Seconds to wait for the end.")]


@router.post("", summary="Call a function", status_code=status.HTTP_201_CREATED)
def submit_task(request: Request, caller: Runner, submit: TaskSubmit) -> Task:
    """Send a call to an endpoint; without one, to the one that will be done first."""
    backend: Backend = request.app.state.backend
    return backend.submit_call(caller, submit)


@router.get("/{task_id}", summary="One call and its result")
async def get_task(request: Request, caller: Runner, task_id: str, wait: Wait = 0.0) -> Task:
    """Return it; with ``wait``, as soon as it has ended, or when the time is up."""
    backend: Backend = request.app.state.backend

    def look() -> Task:
        with backend.sessions() as db:
            return store.shown_task(store.find_task(db, caller, task_id))

    return await backend.notifier.wait(
        task_id, wait, lambda: run_in_threadpool(look), lambda task: task.state in FINAL_TASK_STATES
    )
