"""The words that client, service, agent and engine share, as pydantic models.

Three groups: what people ask for and get (functions, datasets, endpoints, tasks, runs), what an agent and the service
say to each other (leases), and what an engine's worker reads and writes (bodies and results). Sizes are in bytes,
times in seconds, moments are UTC.
"""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from openbeam.states import RunState, TaskState

# ------------------------------------------------------------------------------------------------ bounds
MAX_SOURCE = 256 * 1024
MAX_PAYLOAD = 1024 * 1024
MAX_RESULT = 10 * 1024 * 1024
MAX_HISTOGRAM_BINS = 200_000
MAX_WAIT = 30.0

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Checksum = Annotated[str, StringConstraints(pattern=r"^adler32:[0-9a-f]{8}$")]
FILE_KEY = re.compile(r"^[0-9a-f]{64}$")


class Model(BaseModel):
    """Base: unknown fields are refused, so that a typing mistake is an error and not a surprise."""

    model_config = ConfigDict(extra="forbid")


# ------------------------------------------------------------------------------------------------ people
class Role(StrEnum):
    """What a signed-in person is, at large. What they may do is in the service's ``access``."""

    student = "student"
    teacher = "teacher"
    admin = "admin"


class User(Model):
    """The caller, as the service knows them."""

    id: str
    name: str
    role: Role
    scopes: list[str]


# ------------------------------------------------------------------------------------------------ functions
class FunctionKind(StrEnum):
    """A plain function is called with arguments; an analysis runs over a dataset and returns histograms."""

    plain = "plain"
    analysis = "analysis"


class Lesson(Model):
    """The page that goes with an analysis, in one language."""

    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] = "en"
    title: Annotated[str, StringConstraints(max_length=200)]
    markdown: Annotated[str, StringConstraints(max_length=60_000)]


class FunctionSpec(Model):
    """What an author publishes. The same source, schema and words again give the same version back."""

    name: Name
    kind: FunctionKind = FunctionKind.plain
    source: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SOURCE)]
    entrypoint: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    """JSON Schema (draft 2020-12) of the parameters; ``x-unit`` names a unit."""
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    description: Annotated[str, StringConstraints(max_length=4_000)] = ""
    tags: Annotated[list[Name], Field(max_length=20)] = Field(default_factory=list)
    datasets: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)
    """Datasets that the analysis was written for; the first is the default."""
    lessons: Annotated[list[Lesson], Field(max_length=20)] = Field(default_factory=list)
    timeout: Annotated[float, Field(gt=0, le=3600)] = 300.0
    """Wall-time limit of one task, seconds."""
    public: bool = False


class FunctionSummary(Model):
    """A function version as lists show it."""

    id: str
    name: str
    version: int
    kind: FunctionKind
    title: str
    description: str
    tags: list[str]
    datasets: list[str]
    owner: str
    public: bool
    sha256: str
    created: datetime


class Function(FunctionSummary):
    """A function version with its source, schema and lessons."""

    source: str
    entrypoint: str
    parameters: dict[str, Any]
    lessons: list[Lesson]
    timeout: float


# ------------------------------------------------------------------------------------------------ datasets
class Layout(StrEnum):
    """How the columns of a file become ``events``."""

    nanoaod = "nanoaod"
    """Collections (``events.Muon.pt``), read with coffea's NanoAOD schema."""
    flat = "flat"
    """One field a branch (``events.px1``)."""


class DataFile(Model):
    """One file of a dataset."""

    uri: Annotated[str, StringConstraints(max_length=1_000)]
    """``root://eospublic.cern.ch//eos/…``, ``pypi://DISTRIBUTION/PATH`` or ``openbeam://files/KEY``."""
    size: Annotated[int, Field(ge=0)]
    checksum: Checksum
    note: Annotated[str, StringConstraints(max_length=1_000)] = ""


class DatasetSpec(Model):
    """A dataset: a CERN Open Data record, or a local file."""

    name: Name
    title: Annotated[str, StringConstraints(max_length=300)]
    description: Annotated[str, StringConstraints(max_length=6_000)] = ""
    experiment: Annotated[str, StringConstraints(max_length=40)] = ""
    recid: Annotated[str, StringConstraints(pattern=r"^[0-9]{1,10}$")] | None = None
    doi: Annotated[str, StringConstraints(max_length=100)] | None = None
    license: Annotated[str, StringConstraints(max_length=100)] = ""
    collision: Annotated[str, StringConstraints(max_length=100)] = ""
    """Collision type and energy, e.g. ``pp, 8 TeV``."""
    year: Annotated[int, Field(ge=1954, le=2100)] | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    """Column name to its meaning, with the unit."""
    notes: Annotated[list[str], Field(max_length=20)] = Field(default_factory=list)
    """Known errata and remarks, shown with every figure's provenance."""
    tree: Annotated[str, StringConstraints(max_length=200)] = "Events"
    layout: Layout = Layout.nanoaod
    events: Annotated[int, Field(ge=0)] | None = None
    """As the record states it; None where it is not stated (the endpoint counts)."""
    files: Annotated[list[DataFile], Field(min_length=1, max_length=10_000)]
    local: bool = False
    """True for a file that somebody added by hand: it has no DOI."""


class Dataset(DatasetSpec):
    """A dataset as the service keeps it."""

    owner: str
    created: datetime


class StoredFile(Model):
    """A file that somebody uploaded to the service."""

    key: str
    """SHA-256 of the content."""
    uri: str
    size: int
    checksum: Checksum


# ------------------------------------------------------------------------------------------------ endpoints
class Isolation(StrEnum):
    """What stands between a user's code and the machine."""

    docker = "docker"
    bubblewrap = "bubblewrap"
    none = "none"


class EndpointSpec(Model):
    """What an agent's owner registers. ``key`` is the agent's public key as a JWK (EC, P-256)."""

    name: Name
    key: dict[str, str]
    description: Annotated[str, StringConstraints(max_length=1_000)] = ""
    public: bool = False


class EndpointStatus(Model):
    """What an agent says of itself at each poll."""

    workers: Annotated[int, Field(ge=0, le=100_000)]
    isolation: Isolation
    environment: Annotated[str, StringConstraints(pattern=r"^[a-z0-9:+._-]{1,120}$")]
    """Digest of what the engine has installed."""
    version: Annotated[str, StringConstraints(max_length=40)]


class Endpoint(Model):
    """Compute that somebody lends."""

    id: str
    name: str
    description: str
    owner: str
    public: bool
    online: bool
    last_seen: datetime | None
    status: EndpointStatus | None
    waiting: int
    """Tasks in its queue."""


# ------------------------------------------------------------------------------------------------ tasks
class TaskProblem(Model):
    """Why a task has no result: an ``openbeam.errors.TaskError`` in its wire form, and whether a retry may help."""

    kind: Annotated[str, StringConstraints(max_length=60)]
    message: Annotated[str, StringConstraints(max_length=4_000)]
    details: dict[str, Any] = Field(default_factory=dict)
    retry: bool = False


class TaskSubmit(Model):
    """One call of a plain function."""

    function: str
    """Id, ``name``, ``name@version`` or ``name@latest``."""
    endpoint: str | None = None
    """Id or name; None lets the service choose."""
    args: list[Any] = Field(default_factory=list)
    kwargs: dict[str, Any] = Field(default_factory=dict)


class Task(Model):
    """One invocation, as the service keeps it."""

    id: str
    function: str
    endpoint: str
    state: TaskState
    result: Any = None
    error: TaskProblem | None = None
    attempts: int
    created: datetime
    started: datetime | None
    ended: datetime | None


# ------------------------------------------------------------------------------------------------ runs
class RunSubmit(Model):
    """An analysis over a dataset."""

    function: str
    dataset: str
    params: dict[str, Any] = Field(default_factory=dict)
    endpoint: str | None = None
    fresh: bool = False
    """True computes every chunk again, whatever the chunk cache knows."""


class Account(Model):
    """Where every event of a run went. ``events_processed + events_failed + events_waiting == events_expected``."""

    events_expected: int = 0
    events_processed: int = 0
    events_failed: int = 0
    chunks: int = 0
    chunks_done: int = 0
    chunks_failed: int = 0
    chunks_cached: int = 0
    retries: int = 0
    endpoints: dict[str, int] = Field(default_factory=dict)
    """Chunks by the name of the endpoint that computed them."""

    @property
    def events_waiting(self) -> int:
        """Events in chunks that have neither been processed nor failed."""
        return self.events_expected - self.events_processed - self.events_failed

    def sentence(self) -> str:
        """Return the account in one line, e.g. ``2,304 of 2,304 events``."""
        line = f"{self.events_processed:,} of {self.events_expected:,} events"
        if self.events_failed:
            line += f", {self.events_failed:,} failed"
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
    params: dict[str, Any]
    """Every parameter, defaults filled in."""
    endpoint: str
    environment: str | None


class Run(Model):
    """A run as the service keeps it."""

    id: str
    state: RunState
    activity: str = ""
    """What goes on now, in a few words (``fetching …``, ``reading the file``, ``waiting for an endpoint``)."""
    account: Account
    seconds: Seconds
    provenance: Provenance
    errors: list[TaskProblem] = Field(default_factory=list)
    """One a kind of failure, at most ten."""
    created: datetime


class RunUpdate(Model):
    """One server-sent event of a run (``event: update``; the last one is ``event: end``)."""

    run: Run
    histograms: dict[str, dict[str, Any]]
    """Name to UHI JSON (schema 1)."""


# ------------------------------------------------------------------------------------------------ agent and service
class TaskKind(StrEnum):
    """What an engine is asked to do."""

    call = "call"
    chunk = "chunk"
    inspect = "inspect"


class LeaseRequest(Model):
    """An agent asks for work and says what it is."""

    want: Annotated[int, Field(ge=1, le=256)]
    wait: Annotated[float, Field(ge=0, le=MAX_WAIT)]
    status: EndpointStatus


class LeasedTask(Model):
    """The envelope is for the agent; the body is for the engine, and the agent does not open it."""

    task_id: str
    lease_id: str
    kind: TaskKind
    tenant: str
    """Owner of the code: engines are not shared between tenants."""
    timeout: float
    files: list[DataFile]
    """To be fetched and verified before the task starts."""
    body: str
    """Base64 of a ``CallBody``, ``ChunkBody`` or ``InspectBody`` in JSON."""


class LeaseReply(Model):
    """Leased tasks, and for how long."""

    tasks: list[LeasedTask]
    lease_seconds: float


class LeaseRef(Model):
    """A lease that the agent holds. ``activity`` is what goes on under it, in a few words."""

    task_id: str
    lease_id: str
    running: bool = False
    activity: Annotated[str, StringConstraints(max_length=200)] = ""


class RenewRequest(Model):
    """All leases that an agent holds."""

    leases: Annotated[list[LeaseRef], Field(max_length=4096)]
    status: EndpointStatus


class RenewReply(Model):
    """Task ids whose lease is gone or whose task is cancelled: stop them, send nothing."""

    stop: list[str]


class TaskOutcome(Model):
    """The end of one task: a body, unopened, or a problem."""

    task_id: str
    lease_id: str
    body: Annotated[str, StringConstraints(max_length=MAX_RESULT * 4 // 3 + 4)] | None = None
    """Base64 of a ``CallResult``, ``ChunkResult`` or ``InspectResult`` in JSON."""
    problem: TaskProblem | None = None


class ResultsRequest(Model):
    """A batch of ended tasks."""

    outcomes: Annotated[list[TaskOutcome], Field(max_length=256)]


class ResultsReply(Model):
    """Task ids that counted, and those whose lease was gone (their result is thrown away)."""

    accepted: list[str]
    fenced: list[str]


# ------------------------------------------------------------------------------------------------ engine
class CallBody(Model):
    """Call ``entrypoint(*args, **kwargs)`` of ``source``."""

    kind: Literal["call"] = "call"
    name: str
    source: str
    entrypoint: str
    args: list[Any]
    kwargs: dict[str, Any]


class ChunkBody(Model):
    """Run ``entrypoint(events[start:stop], Params(**params))`` of ``source``."""

    kind: Literal["chunk"] = "chunk"
    name: str
    source: str
    entrypoint: str
    params: dict[str, Any]
    file: Checksum
    """Which of the mounted files; its path is ``file_name(checksum, size)`` below the data mount."""
    size: int
    tree: str
    layout: Layout
    start: int
    stop: int


class InspectBody(Model):
    """Look at a file: how many entries, where its clusters begin."""

    kind: Literal["inspect"] = "inspect"
    file: Checksum
    size: int
    tree: str


class CallResult(Model):
    """What a plain function returned, as JSON."""

    value: Any


class ChunkResult(Model):
    """Histograms of one chunk."""

    events: int
    histograms: dict[Annotated[str, StringConstraints(max_length=100)], dict[str, Any]]
    """Name to UHI JSON (schema 1)."""
    seconds: float
    """CPU time of reading and filling."""


class InspectResult(Model):
    """Facts of a file."""

    entries: int
    offsets: list[int]
    """Cluster boundaries, from 0 to ``entries``."""
    columns: list[str]


def file_name(checksum: str, size: int) -> str:
    """Return the name of a file in the endpoint's file cache: ``<adler32>-<size>``."""
    return f"{checksum.removeprefix('adler32:')}-{size}"
