"""Run an analysis, look at runs, and follow one while it happens."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request, Response, Security, status
from fastapi.responses import StreamingResponse
from openbeam.errors import NotSignedIn
from openbeam.models import MAX_PAGE, PageSize, Run, RunAgain, RunChunk, RunFilter, RunKeep, RunSubmit
from openbeam.states import FINAL_RUN_STATES
from starlette.concurrency import run_in_threadpool

from openbeam_service.database import Db
from openbeam_service.identity.principal import Principal, optional_principal, principal
from openbeam_service.runs import chunks, retention, store
from openbeam_service.runs.live import Update
from openbeam_service.tasks.backend import Backend
from openbeam_service.tasks.routes import Wait

__all__ = ["router"]

router = APIRouter(prefix="/runs", tags=["runs"])
Runner = Annotated[Principal, Security(principal, scopes=["tasks:run"])]
Watcher = Annotated[Principal | None, Security(optional_principal, scopes=["tasks:run"])]


@router.post("", summary="Run an analysis over a dataset", status_code=status.HTTP_201_CREATED)
def submit_run(request: Request, caller: Runner, submit: RunSubmit) -> Run:
    """Check the parameters, plan the run, and send its chunks to an endpoint."""
    backend: Backend = request.app.state.backend
    return backend.submit_run(caller, submit)


@router.get("", summary="The caller's runs")
def list_runs(db: Db, caller: Runner, wanted: Annotated[RunFilter, Query()]) -> list[Run]:
    """Return those that fit, newest first; the next page begins ``before`` the last one of this."""
    return store.shown_runs(db, store.list_runs(db, caller, wanted))


@router.get("/{run_id}", summary="One run")
async def get_run(request: Request, caller: Runner, run_id: str, wait: Wait = 0.0) -> Run:
    """Return it; with ``wait``, as soon as it has ended, or when the time is up."""
    backend: Backend = request.app.state.backend

    def look() -> Run:
        with backend.sessions() as db:
            return backend.waits.run(db, store.shown_runs(db, [store.find_run(db, caller, run_id)])[0])

    return await backend.notifier.wait(
        run_id, wait, lambda: run_in_threadpool(look), lambda run: run.state in FINAL_RUN_STATES
    )


@router.get("/{run_id}/histograms", summary="Histograms of a run, so far or at its end")
def get_histograms(request: Request, db: Db, caller: Runner, run_id: str) -> Response:
    """Return UHI JSON (schema 1) by name."""
    run = store.find_run(db, caller, run_id)
    retention.check_there("run", run.ended, run.forgotten)
    backend: Backend = request.app.state.backend
    return Response(backend.gatherer.histograms(db, run_id), media_type="application/json")


@router.get("/{run_id}/chunks", summary="Where the chunks of a run are")
def get_chunks(
    db: Db,
    caller: Runner,
    run_id: str,
    after: Annotated[str, Query(max_length=36, description="The last chunk of the page before.")] = "",
    limit: PageSize = MAX_PAGE,
) -> list[RunChunk]:
    """Return a page of the run's chunks, in the order of their ids; chunks of long ago are forgotten."""
    return chunks.list_chunks(db, store.find_run(db, caller, run_id), after, limit)


@router.post("/{run_id}/resubmit", summary="Compute what a run lacks", status_code=status.HTTP_201_CREATED)
def resubmit_run(request: Request, caller: Runner, run_id: str, again: RunAgain) -> Run:
    """Start a new run of the same; what is done comes from the chunk cache, so only the missing chunks are computed."""
    backend: Backend = request.app.state.backend
    return backend.resubmit_run(caller, run_id, again)


@router.post("/{run_id}/keep", summary="Keep a run's result")
def keep_run(db: Db, caller: Runner, run_id: str, wanted: RunKeep) -> Run:
    """Let the result stay for as long as somebody cites it, or no longer than others."""
    return store.shown_runs(db, [retention.keep(db, caller, run_id, kept=wanted.kept)])[0]


@router.post("/{run_id}/cancel", summary="Cancel a run")
def cancel_run(request: Request, caller: Runner, run_id: str) -> Run:
    """Stop all that is left of it, and return it; what was computed stays. A run that has ended stays as it is."""
    backend: Backend = request.app.state.backend
    return backend.cancel_run(caller, run_id)


@router.post("/{run_id}/ticket", summary="An address for a browser to follow a run")
def make_ticket(request: Request, db: Db, caller: Runner, run_id: str) -> dict[str, str]:
    """Return the URL of the run's events; it needs no token, shows this run only, and lasts twelve hours."""
    store.find_run(db, caller, run_id)
    state = request.app.state
    path = request.app.url_path_for("follow_run", run_id=run_id)
    return {"url": f"{state.settings.url}{path}?ticket={state.tickets.make(run_id)}"}


def _may_watch(
    request: Request, run_id: str, watcher: Watcher, ticket: Annotated[str, Query(max_length=500)] = ""
) -> None:
    if ticket:
        request.app.state.tickets.check(ticket, run_id)
        return
    if watcher is None:
        raise NotSignedIn("Sign in first: this needs a token or a ticket.")
    with request.app.state.sessions() as db:
        store.find_run(db, watcher, run_id)


@router.get(
    "/{run_id}/events",
    summary="Follow a run",
    dependencies=[Depends(_may_watch)],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {}}, "description": "`update` events, and one `end`."}},
)
async def follow_run(
    request: Request, run_id: str, last_event_id: Annotated[str, Header(max_length=64)] = ""
) -> StreamingResponse:
    """Send server-sent events with a ``RunUpdate`` each. After ``Last-Event-ID``, what came since then."""
    backend: Backend = request.app.state.backend

    async def snapshot() -> Update:
        return await run_in_threadpool(backend.gatherer.snapshot, run_id)

    return StreamingResponse(
        backend.live.watch(run_id, last_event_id, snapshot),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
    )
