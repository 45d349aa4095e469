"""Runs: an analysis over a dataset, and the account of its events."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field, StringConstraints

from openbeam.models.bounds import Model
from openbeam.models.tasks import TaskProblem, Waiting
from openbeam.states import RunState, TaskState

__all__ = [
    "MAX_PAGE",
    "Account",
    "PageSize",
    "Provenance",
    "Run",
    "RunAgain",
    "RunChunk",
    "RunFilter",
    "RunKeep",
    "RunSubmit",
    "RunUpdate",
    "Seconds",
]

MAX_PAGE: Final = 100
PageSize = Annotated[int, Field(ge=1, le=MAX_PAGE)]


class RunSubmit(Model):
    """An analysis over a dataset."""

    function: str
    dataset: str
    params: dict[str, Any] = Field(default_factory=dict)
    endpoint: str | None = None
    fresh: bool = False
    """True computes every chunk again, whatever the chunk cache knows."""


class Account(Model):
    """Where every event of a run went. Each is processed, failed, cancelled or waiting, and just one of these."""

    events_expected: int = 0
    events_processed: int = 0
    events_failed: int = 0
    events_cancelled: int = 0
    chunks: int = 0
    chunks_done: int = 0
    chunks_failed: int = 0
    chunks_cancelled: int = 0
    chunks_cached: int = 0
    retries: int = 0
    endpoints: dict[str, int] = Field(default_factory=dict)
    """Chunks by the name of the endpoint that computed them."""

    @property
    def events_waiting(self) -> int:
        """Events in chunks that have not ended."""
        return self.events_expected - self.events_processed - self.events_missing

    @property
    def events_missing(self) -> int:
        """Events that will not come: their chunks failed or were cancelled."""
        return self.events_failed + self.events_cancelled

    def sentence(self) -> str:
        """Return the account in one line, e.g. ``2,304 of 2,304 events``."""
        line = f"{self.events_processed:,} of {self.events_expected:,} events"
        if self.events_failed:
            line += f", {self.events_failed:,} failed"
        if self.events_cancelled:
            line += f", {self.events_cancelled:,} cancelled"
        if self.retries:
            line += f", {self.retries} {'retry' if self.retries == 1 else 'retries'}"
        if self.chunks_cached:
            line += f", {self.chunks_cached} of {self.chunks} chunks from the cache"
        return line


class Seconds(Model):
    """Times of a run, counted from its submission."""

    queued: float | None = None
    """Until an agent leased the first chunk (0 when all came from the cache)."""
    first_histogram: float | None = None
    total: float | None = None


class Provenance(Model):
    """What somebody needs to get the same histograms again."""

    function: str
    """``name@version``."""
    function_id: str
    sha256: str
    dataset: str
    doi: str | None
    simulated: bool = False
    """True where no detector recorded the events: who shows the histograms says so."""
    params: dict[str, Any]
    """Every parameter, defaults filled in."""
    endpoint: str
    environment: str | None

    def source(self) -> str:
        """Return the data in a few words, e.g. ``cms-2010-zmumu, doi:10.7483/…`` or ``toy, simulated``."""
        parts = [self.dataset, self.doi and f"doi:{self.doi}", "simulated" if self.simulated else None]
        return ", ".join(part for part in parts if part)


class Run(Model):
    """A run as the service keeps it."""

    id: str
    state: RunState
    activity: str = ""
    """What goes on now, in a few words (``fetching …``, ``reading the file``, ``waiting for an endpoint``)."""
    waiting: Waiting | None = None
    """While it waits for a worker, where its next chunk stands."""
    account: Account
    seconds: Seconds
    provenance: Provenance
    errors: list[TaskProblem] = Field(default_factory=list)
    """One a kind of failure, at most ten."""
    notices: list[str] = Field(default_factory=list)
    """What its user should know, e.g. that the analysis is deprecated."""
    created: datetime
    resubmits: str | None = None
    """The run whose missing events this one computes."""
    kept: bool = False
    """Its result stays for as long as somebody cites it."""


class RunChunk(Model):
    """One chunk of a run: events ``start`` to ``stop`` of a file, and who computed them."""

    id: str
    """Of the chunk as a task."""
    state: TaskState
    file: str
    start: int
    stop: int
    endpoint: str
    worker: str
    """As the endpoint names it; empty when the result came from the cache, or nobody has begun."""
    attempts: int
    cached: bool
    started: datetime | None
    ended: datetime | None
    error: TaskProblem | None


class RunFilter(Model):
    """Which runs to list, newest first; what is left out does not matter."""

    state: RunState | None = None
    function: Annotated[str, StringConstraints(max_length=100)] | None = None
    """``name``, ``name@version`` or id."""
    since: AwareDatetime | None = None
    """Submitted then or later."""
    before: Annotated[str, StringConstraints(max_length=36)] | None = None
    """The last run of the page before."""
    limit: PageSize = MAX_PAGE


class RunAgain(Model):
    """Compute what a run lacks."""

    endpoint: Annotated[str, StringConstraints(max_length=100)] | None = None
    """Id or name; None takes the same one."""


class RunKeep(Model):
    """Whether a run's result stays for as long as somebody cites it."""

    kept: bool


class RunUpdate(Model):
    """One server-sent event of a run (``event: update``; the last one is ``event: end``)."""

    run: Run
    histograms: dict[str, dict[str, Any]]
    """Name to UHI JSON (schema 1)."""
