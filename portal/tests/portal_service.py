"""A service to stand the portal on: it speaks the REST contract with the shared models, and its runs fill by the clock.

The whole product, with the real service, is tested from the repository's own ``tests/``.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import uvicorn
from openbeam.errors import Conflict, InvalidParameter, NotSignedIn, OpenbeamError, UnknownFunction, UnknownRun, to_json
from openbeam.models import (
    Account,
    Dataset,
    DatasetSpec,
    Function,
    FunctionSummary,
    Provenance,
    Quota,
    Run,
    RunUpdate,
    Seconds,
)
from openbeam.states import RunState
from portal_samples import MADE, cutflow, dataset, function, spectrum
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from support.ports import free_port

TOKEN = "token-of-a-student"


@dataclass
class StandIn:
    """A service with a catalog, whose runs take ``pace`` seconds a step, and do not end while it is ``held``."""

    functions: dict[str, Function] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    records: dict[str, tuple[Run, float]] = field(default_factory=dict)
    fixed: dict[str, tuple[Run, dict[str, Any]]] = field(default_factory=dict)
    quotas: list[Quota] = field(default_factory=list)
    pace: float = 0.2
    held: bool = False
    simulated: bool = False
    steps: tuple[int, ...] = (300, 900, 1500, 2304)
    scopes: tuple[str, ...] = ("catalog:read", "tasks:run")
    tokens: set[str] = field(default_factory=lambda: {TOKEN})
    url: str = ""
    tickets: int = 0
    stale_ticket: int = 0

    def add(self, run: Run, histograms: dict[str, Any]) -> Run:
        """Keep a run that has ended."""
        self.fixed[run.id] = (run, histograms)
        return run

    def make(self, state: RunState = RunState.complete, processed: int = 2304, **more: Any) -> Run:
        """Return a run of ``z_mumu``."""
        found = self.functions["z_mumu"]
        known: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "state": state,
            "activity": "reading the file",
            "account": Account(
                events_expected=2304,
                events_processed=processed,
                events_failed=2304 - processed if state is RunState.incomplete else 0,
                chunks=4,
                chunks_done=4,
                endpoints={"local": 4},
            ),
            "seconds": Seconds(queued=0.1, first_histogram=0.4, total=1.5),
            "provenance": Provenance(
                function="z_mumu@3",
                function_id=found.id,
                sha256=found.sha256,
                dataset="cms-2010-zmumu",
                doi="10.7483/OPENDATA.CMS.WMKQ.0WTA",
                params={"min_pt": 0.0, "bins": 60, "charge": "opposite"},
                endpoint="local",
                environment="sha256:0123",
            ),
            "errors": [],
            "created": MADE,
        }
        return Run(**{**known, **more})

    def look(self, run_id: str) -> RunUpdate:
        """Return a run as it is at this moment."""
        if run_id in self.fixed:
            run, histograms = self.fixed[run_id]
            return RunUpdate(run=run, histograms=histograms)
        if run_id not in self.records:
            raise UnknownRun.among(run_id, [])
        run, began = self.records[run_id]
        step = min(int((time.monotonic() - began) / self.pace), len(self.steps) - 1 - self.held)
        processed, last = self.steps[step], step == len(self.steps) - 1
        account = run.account.model_copy(update={"events_processed": processed})
        state = RunState.complete if last else RunState.running
        activity = "" if last else "reading the file"
        now = run.model_copy(update={"account": account, "state": state, "activity": activity})
        bins = run.provenance.params["bins"]
        return RunUpdate(run=now, histograms={"mass": spectrum(processed, bins), "cutflow": cutflow(processed)})

    # ------------------------------------------------------------------------------------------ HTTP
    def app(self) -> Starlette:
        """Return the application."""
        api = {
            "/functions": self._functions,
            "/functions/{ref}": self._function,
            "/datasets": self._datasets,
            "/runs": self._runs,
            "/runs/{id}": self._run,
            "/runs/{id}/histograms": self._histograms,
            "/runs/{id}/ticket": self._ticket,
            "/runs/{id}/cancel": self._cancel,
            "/runs/{id}/resubmit": self._resubmit,
            "/runs/{id}/keep": self._keep,
            "/quota": self._quota,
            "/whoami": self._whoami,
        }
        routes = [
            Route(f"/api/v1{path}", self._guarded(answer), methods=["GET", "POST"]) for path, answer in api.items()
        ]
        events = Route("/api/v1/runs/{id}/events", self._events)
        cors = Middleware(CORSMiddleware, allow_origins=["*"])
        return Starlette(routes=[*routes, events], middleware=[cors])

    def _guarded(self, answer: Any) -> Any:
        async def guarded(request: Request) -> Response:
            try:
                if request.headers.get("authorization", "").removeprefix("Bearer ") not in self.tokens:
                    raise NotSignedIn("Sign in first.")
                found = await answer(request)
            except OpenbeamError as error:
                return JSONResponse({"error": to_json(error)}, status_code=error.status)
            return JSONResponse(found, status_code=201 if request.method == "POST" else 200)

        return guarded

    async def _functions(self, request: Request) -> Any:
        search = request.query_params.get("search", "").lower()
        fields = FunctionSummary.model_fields
        known = [found.model_dump(mode="json", include=set(fields)) for found in self.functions.values()]
        return [found for found in known if search in json.dumps(found).lower()]

    async def _function(self, request: Request) -> Any:
        ref = request.path_params["ref"]
        for found in self.functions.values():
            if ref in (found.id, found.name, f"{found.name}@{found.version}"):
                return found.model_dump(mode="json")
        raise UnknownFunction.among(ref, self.functions)

    async def _whoami(self, _request: Request) -> Any:
        return {"id": "1", "name": "ada", "role": "student", "scopes": self.scopes}

    async def _datasets(self, request: Request) -> Any:
        if request.method == "POST":
            spec = DatasetSpec.model_validate(await request.json())
            if spec.name in self.datasets:
                raise Conflict(f"The dataset {spec.name!r} is operator's. Choose another name.")
            added = Dataset.model_validate({**spec.model_dump(), "owner": "ada", "created": MADE})
            self.datasets[spec.name] = added
            return added.model_dump(mode="json")
        return [found.model_dump(mode="json") for found in self.datasets.values()]

    async def _quota(self, _request: Request) -> Any:
        return [quota.model_dump(mode="json") for quota in self.quotas]

    async def _runs(self, request: Request) -> Any:
        if request.method == "GET":
            known = [self.look(run_id).run for run_id in [*self.fixed, *self.records]]
            state, limit = request.query_params.get("state"), int(request.query_params.get("limit", 100))
            found = [run for run in reversed(known) if state in {None, run.state}][:limit]
            return [run.model_dump(mode="json") for run in found]
        body = await request.json()
        if body["params"].get("bins", 0) == 13:
            raise InvalidParameter.of("bins", "13 brings bad luck")
        provenance = self.make().provenance.model_copy(
            update={"params": body["params"], "dataset": body["dataset"], "simulated": self.simulated}
        )
        run = self.make(RunState.planning, 0, provenance=provenance)
        self.records[run.id] = (run, time.monotonic())
        return self.look(run.id).run.model_dump(mode="json")

    async def _run(self, request: Request) -> Any:
        return self.look(request.path_params["id"]).run.model_dump(mode="json")

    async def _histograms(self, request: Request) -> Any:
        return self.look(request.path_params["id"]).histograms

    async def _cancel(self, request: Request) -> Any:
        update = self.look(request.path_params["id"])
        run = update.run.model_copy(update={"state": RunState.cancelled, "activity": ""})
        return self.add(run, update.histograms).model_dump(mode="json")

    async def _resubmit(self, request: Request) -> Any:
        run = self.make(RunState.planning, 0, resubmits=request.path_params["id"])
        self.records[run.id] = (run, time.monotonic())
        return run.model_dump(mode="json")

    async def _keep(self, request: Request) -> Any:
        run, histograms = self.fixed[request.path_params["id"]]
        kept = (await request.json())["kept"]
        return self.add(run.model_copy(update={"kept": kept}), histograms).model_dump(mode="json")

    async def _ticket(self, request: Request) -> Any:
        self.tickets += 1
        return {"url": f"{self.url}/api/v1/runs/{request.path_params['id']}/events?ticket={self.tickets}"}

    async def _events(self, request: Request) -> Response:
        if request.query_params["ticket"] == str(self.stale_ticket):
            return JSONResponse({"error": to_json(NotSignedIn("The ticket has run out."))}, status_code=401)
        return StreamingResponse(self._stream(request.path_params["id"]), media_type="text/event-stream")

    async def _stream(self, run_id: str) -> AsyncIterator[str]:
        for step in range(10_000):
            update = self.look(run_id)
            final = update.run.state is RunState.complete
            kind = "end" if final else "update"
            yield f"id: {step}\nevent: {kind}\ndata: {update.model_dump_json()}\n\n"
            if final:
                return
            await asyncio.sleep(self.pace / 2)


class Server(uvicorn.Server):
    """A web server on a thread, up when entered and down when left."""

    def __init__(self, app: Any, port: int) -> None:
        super().__init__(uvicorn.Config(app, port=port, log_level="error", timeout_graceful_shutdown=1))
        self.thread = threading.Thread(target=self.run, daemon=True)

    def __enter__(self) -> Self:
        self.thread.start()
        end = time.monotonic() + 15
        while not self.started:
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.01)
        return self

    def __exit__(self, *_: object) -> None:
        self.should_exit = True
        self.thread.join(10)


def stand_in() -> StandIn:
    """Return a service with one analysis and its data, not yet serving."""
    made = StandIn(url=f"http://127.0.0.1:{free_port()}")
    made.functions["z_mumu"] = function("z_mumu")
    made.datasets["cms-2010-zmumu"] = dataset("cms-2010-zmumu")
    return made


@contextmanager
def serving(made: StandIn) -> Iterator[StandIn]:
    """Serve it."""
    with Server(made.app(), int(made.url.rpartition(":")[2])):
        yield made
