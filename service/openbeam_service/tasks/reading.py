"""What an agent hands in, read and checked. Nothing here needs the database's lock, and this is the long part.

The agent has not opened the bodies: they come from an engine that runs anybody's code, so nothing in them is believed.
"""

from __future__ import annotations

import base64
import binascii
import json
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, NoReturn, TypeVar

from openbeam.errors import DataUnavailable, OpenbeamError, ResultRefused
from openbeam.models import MAX_RESULT, CallResult, ChunkResult, InspectResult, TaskKind, TaskOutcome, TaskProblem
from pydantic import BaseModel, ValidationError

from openbeam_service.registry.sendable import size_of
from openbeam_service.runs.params import canonical_json

__all__ = ["Facts", "Histograms", "Read", "Value", "read"]

MAX_HISTOGRAMS: Final = 200
"""Histograms of one chunk."""
MAX_CLUSTERS: Final = 1_000_000
MAX_COLUMNS: Final = 20_000

_MAX_DETAILS: Final = 32 * 1024
_MAX_MESSAGE: Final = 4_000
_M = TypeVar("_M", bound=BaseModel)


@dataclass(frozen=True)
class Value:
    """What a plain function returned: a ``CallResult`` in JSON."""

    text: str
    seconds: float = 0.0


@dataclass(frozen=True)
class Histograms:
    """What a chunk gave."""

    text: str
    """JSON of name to UHI."""
    booking: str
    """Axes and storage of each, as JSON: equal for histograms that can be added."""
    seconds: float


@dataclass(frozen=True)
class Facts:
    """What a look into a file found."""

    entries: int
    offsets: list[int]
    columns: list[str]
    simulated: bool


Read = Value | Histograms | Facts | TaskProblem


def read(outcome: TaskOutcome, kind: TaskKind, events: int) -> Read:
    """Return what an outcome says; what cannot be read is a problem. ``events`` are those that a chunk should cover."""
    if outcome.problem is not None:
        return _bounded(outcome.problem)
    try:
        data = _decoded(outcome.body)
        match kind:
            case TaskKind.call:
                return _value(_checked(CallResult, data))
            case TaskKind.inspect:
                return _facts(_checked(InspectResult, data))
            case TaskKind.chunk:
                return _histograms(_checked(ChunkResult, data), events)
    except OpenbeamError as error:
        return TaskProblem(kind=type(error).__name__, message=error.message[:_MAX_MESSAGE], details=error.details)


def _bounded(problem: TaskProblem) -> TaskProblem:
    with suppress(ValueError):
        if size_of(problem.details) <= _MAX_DETAILS:
            return problem
    return problem.model_copy(update={"details": {"left_out": "The details were too long."}})


def _decoded(body: str | None) -> Any:
    if body is None:
        raise ResultRefused("The endpoint sent neither a result nor a reason why there is none.")
    try:
        data = base64.b64decode(body, validate=True)
        if len(data) > MAX_RESULT:
            raise ResultRefused(
                f"The result has {len(data):,} bytes; at most {MAX_RESULT:,} are possible. Return less.",
                limit=MAX_RESULT,
                size=len(data),
            )
        return json.loads(data, parse_constant=_refuse_constant)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise ResultRefused(f"The result is not JSON: {error}.") from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ResultRefused(f"The result contains {constant}, which JSON has no number for.")


def _checked(model: type[_M], data: Any) -> _M:
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part)[:100] for part in first["loc"]) or "all of it"
        raise ResultRefused(f"The engine's answer is malformed: {place}: {first['msg']}.") from error


def _value(found: CallResult) -> Value:
    try:
        size_of(found.value)
    except ValueError as error:
        raise ResultRefused(f"The result cannot be sent as JSON: {error}.") from error
    return Value(json.dumps({"value": found.value}, separators=(",", ":")), found.seconds)


def _facts(found: InspectResult) -> Facts:
    offsets = found.offsets if found.entries else [0, 0]
    ascending = all(start < stop for start, stop in pairwise(offsets)) or not found.entries
    if not (found.entries >= 0 and 1 < len(offsets) <= MAX_CLUSTERS and len(found.columns) <= MAX_COLUMNS):
        raise DataUnavailable("The endpoint's answer about the file is out of bounds.")
    if not (ascending and offsets[0] == 0 and offsets[-1] == found.entries):
        raise DataUnavailable("The endpoint's answer about the file contradicts itself.")
    return Facts(found.entries, offsets, found.columns, found.simulated)


def _histograms(found: ChunkResult, events: int) -> Histograms:
    if found.events != events:
        raise ResultRefused(
            f"Events are missing: the chunk has {events:,}, and the engine went through {found.events:,}.",
            expected=events,
            found=found.events,
        )
    if not 0 < len(found.histograms) <= MAX_HISTOGRAMS:
        raise ResultRefused(
            f"The function gave {len(found.histograms):,} histograms; it must give 1 to {MAX_HISTOGRAMS}."
        )
    from openbeam.histograms import from_uhi  # a second of imports, which the service need not wait for to start

    for uhi in found.histograms.values():
        from_uhi(uhi)
    booking = {name: [uhi["axes"], uhi["storage"]["type"]] for name, uhi in found.histograms.items()}
    return Histograms(canonical_json(found.histograms), canonical_json(booking), found.seconds)
