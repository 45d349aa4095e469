"""Call plain functions, one or many, and wait for what they return."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Query, Request, Security, status
from fastapi.responses import StreamingResponse
from openbeam.models import (
    MAX_GROUPS,
    MAX_WAIT,
    Group,
    Task,
    TaskBatch,
    TaskBatchReply,
    TaskOutput,
    TaskStatusReply,
    TaskStatusRequest,
    TaskSubmit,
)
from openbeam.states import FINAL_TASK_STATES
from starlette.concurrency import run_in_threadpool

from openbeam_service.database import Db
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


@router.post("/batch", summary="Call functions many times", status_code=status.HTTP_201_CREATED)
def submit_batch(request: Request, caller: Runner, batch: TaskBatch) -> TaskBatchReply:
    """Send up to a thousand calls, all or none. The same group and place again is the same batch."""
    backend: Backend = request.app.state.backend
    return backend.submit_batch(caller, batch)


@router.post("/status", summary="How many tasks stand")
def task_status(db: Db, caller: Runner, asked: TaskStatusRequest) -> TaskStatusReply:
    """Return the states of up to a thousand calls by id, or of a group, in the order of their submission."""
    return TaskStatusReply(tasks=store.standings(db, caller, asked))


@router.get(
    "/events",
    summary="Results as they come",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "`tasks` events with `TasksEnded`."}},
)
async def follow_tasks(
    request: Request,
    caller: Runner,
    group: Annotated[list[Group], Query(min_length=1, max_length=MAX_GROUPS, description="Groups to follow.")],
    last_event_id: Annotated[str, Header(max_length=64)] = "",
) -> StreamingResponse:
    """Send server-sent events: tasks that have ended already, or since ``Last-Event-ID``, then others as they end."""
    backend: Backend = request.app.state.backend
    return StreamingResponse(
        backend.push.follow(caller, list(dict.fromkeys(group)), last_event_id),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )


@router.get("/batch", include_in_schema=False)
@router.get("/status", include_in_schema=False)
def only_post() -> None:
    """Refuse to take these words for the id of a task."""
    raise HTTPException(status.HTTP_405_METHOD_NOT_ALLOWED, headers={"Allow": "POST"})


@router.get("/{task_id}", summary="One call and its result")
async def get_task(request: Request, caller: Runner, task_id: str, wait: Wait = 0.0) -> Task:
    """Return it; with ``wait``, as soon as it has ended, or when the time is up."""
    backend: Backend = request.app.state.backend

    def look() -> Task:
        with backend.sessions() as db:
            row = store.find_task(db, caller, task_id)
            return backend.waits.task(row, store.shown_task(row))

    return await backend.notifier.wait(
        task_id, wait, lambda: run_in_threadpool(look), lambda task: task.state in FINAL_TASK_STATES
    )


@router.get("/{task_id}/output", summary="What a task printed")
def get_output(db: Db, caller: Runner, task_id: str) -> TaskOutput:
    """Return standard output and error of a call, or of a run's chunk, once it has ended."""
    return store.output_of(db, caller, task_id)


@router.post("/{task_id}/cancel", summary="Cancel a call")
def cancel_task(request: Request, caller: Runner, task_id: str) -> Task:
    """Stop it, wherever it is, and return it. A call that has ended stays as it is."""
    backend: Backend = request.app.state.backend
    return backend.cancel_call(caller, task_id)
