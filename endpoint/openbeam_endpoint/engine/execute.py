"""One task, from its body to the body of its result: the three kinds of work that an engine knows.

Runs in a child that the zygote forked for this task alone.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, Final

import hist
from openbeam.errors import DataUnavailable, EngineFault, FunctionRefused, InvalidInput, ResultRefused
from openbeam.histograms import to_uhi
from openbeam.models import MAX_RESULT, CallBody, ChunkBody, CodeFormat, InspectBody, file_name
from openbeam_datasets.readers import inspect_file, open_events
from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from openbeam_endpoint.engine.author import Author
from openbeam_endpoint.parcel import unpack

__all__ = ["execute"]

_MOST_HISTOGRAMS: Final = 100
_LONGEST_NAME: Final = 100

Task = CallBody | ChunkBody | InspectBody
_tasks: TypeAdapter[Task] = TypeAdapter(Annotated[Task, Field(discriminator="kind")])


def execute(parcel: bytes, data: Path) -> bytes:
    """Return the result of a task, code and body, as JSON (``CallResult``, ``ChunkResult`` or ``InspectResult``).

    Raises
    ------
    FunctionRaised
        When the author's code does.
    ResultRefused
        When it returns something that cannot travel.
    WorkerKilled
        When it ran out of memory.
    DataUnavailable
        When the file cannot be read.
    FileNotFoundError
        When it is not below ``data`` (any more).
    FunctionRefused
        When it is pickled code of another Python.
    EngineFault
        When the body is not a task.

    """
    code, body = unpack(parcel)
    try:
        task = _tasks.validate_json(body)
    except ValidationError as error:
        raise EngineFault("This engine does not understand the task. Update the endpoint.") from error
    if isinstance(task, CallBody):
        return _call(task, code)
    try:
        return _chunk(task, code, data) if isinstance(task, ChunkBody) else _inspect(task, data)
    except InvalidInput as error:
        # The readers' word for a file that cannot be read as asked.
        raise DataUnavailable(error.message, **error.details) from error


def _call(task: CallBody, code: bytes) -> bytes:
    began = _cpu()
    author = _pickled(task, code) if task.format is CodeFormat.pickle else _author(task.name, code)
    value = author.call(task.entrypoint, *task.args, **task.kwargs)
    result = {"value": value, "seconds": _cpu() - began}
    return _json(result, lambda: f"{task.entrypoint}() returned {_kind(value)}")


def _chunk(task: ChunkBody, code: bytes, data: Path) -> bytes:
    author = _author(task.name, code)
    params = _params(author, task.params)
    began = _cpu()
    path = _path(task, data)
    with open_events(path, tree=task.tree, layout=task.layout, start=task.start, stop=task.stop) as events:
        read = len(events)
        if read != task.stop - task.start:
            raise DataUnavailable(f"The file gave {read:,} of {task.stop - task.start:,} events.", uri=path.name)
        histograms = _histograms(author.call(task.entrypoint, events, params), task.entrypoint)
    result = {"events": read, "histograms": histograms, "seconds": _cpu() - began}
    return _json(result, lambda: f"A histogram of {task.entrypoint}()")


def _cpu() -> float:
    """Return the CPU seconds of this process, and of those that it started and waited for."""
    below = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + below.ru_utime + below.ru_stime


def _author(name: str, code: bytes) -> Author:
    author = Author(name, code.decode())
    author.load()
    return author


def _pickled(task: CallBody, code: bytes) -> Author:
    """Open pickled code: here, in the sandbox, and nowhere else."""
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    if task.python != here:
        raise FunctionRefused(
            f"{task.name} was pickled by Python {task.python}, and this endpoint has {here}. Register it again with "
            f"Python {here}, or as source text, which runs on any.",
            python=here,
            needed=task.python,
        )
    author = Author(task.name, "")
    author.unpickle(task.entrypoint, code)
    return author


def _inspect(task: InspectBody, data: Path) -> bytes:
    return inspect_file(_path(task, data), task.tree).model_dump_json().encode()


def _path(task: ChunkBody | InspectBody, data: Path) -> Path:
    path = data / file_name(task.file, task.size)
    if not path.is_file():
        raise FileNotFoundError(path.name)
    return path


def _params(author: Author, values: dict[str, Any]) -> Any:
    """Return the author's ``Params``, or a plain namespace where there is no such class."""
    model = author.find("Params")
    if isinstance(model, type) and issubclass(model, BaseModel):
        return author.run(lambda: model(**values), model)
    return SimpleNamespace(**values)


def _histograms(result: Any, entrypoint: str) -> dict[str, dict[str, Any]]:
    if not isinstance(result, Mapping) or not all(isinstance(value, hist.BaseHist) for value in result.values()):
        raise ResultRefused(
            f"{entrypoint}() returned {_kind(result)}. Return a dict from names to hist.Hist objects.",
            type=type(result).__name__,
        )
    if len(result) > _MOST_HISTOGRAMS:
        raise ResultRefused(
            f"{entrypoint}() returned {len(result):,} histograms; the limit is {_MOST_HISTOGRAMS}.",
            histograms=len(result),
            limit=_MOST_HISTOGRAMS,
        )
    wrong = [name for name in result if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME]
    if wrong:
        raise ResultRefused(
            f"{_short(wrong[0])} is no name for a histogram: use text of at most {_LONGEST_NAME} characters."
        )
    return {name: _uhi(name, value) for name, value in result.items()}


def _uhi(name: str, histogram: hist.BaseHist[Any]) -> dict[str, Any]:
    try:
        return to_uhi(histogram)
    except ResultRefused as error:
        raise ResultRefused(f"The histogram {name!r}: {error.message}", **error.details) from error


def _kind(value: Any) -> str:
    """Say what a value is, for the author."""
    if isinstance(value, Mapping):
        items = [f"{_short(key)}: {type(item).__name__}" for key, item in list(value.items())[:5]]
        return f"a dict ({', '.join(items)})" if items else "an empty dict"
    return "None" if value is None else f"an object of type {type(value).__name__}"


def _short(value: Any) -> str:
    text = str(value) if isinstance(value, str | int | float | bool | None) else type(value).__name__
    return text if len(text) <= _LONGEST_NAME else f"{text[:_LONGEST_NAME]} …"


def _json(result: dict[str, Any], what: Callable[[], str]) -> bytes:
    try:
        body = json.dumps(result, allow_nan=False, separators=(",", ":")).encode()
    except TypeError as error:
        advice = "Return numbers, text, lists and dicts; a numpy array has .tolist(), a numpy number .item()."
        raise ResultRefused(f"{what()}, which is not JSON: {error}. {advice}", type=_type(result)) from None
    except (ValueError, RecursionError) as error:
        # NaN and infinity, a list inside itself, text that is half a character.
        raise ResultRefused(f"{what()} cannot travel as JSON: {error}.", type=_type(result)) from None
    if len(body) > MAX_RESULT:
        raise ResultRefused(
            f"The result has {len(body):,} bytes; the limit is {MAX_RESULT:,}. Return a summary, not the events.",
            size=len(body),
            limit=MAX_RESULT,
        )
    return body


def _type(result: dict[str, Any]) -> str:
    return type(result.get("value")).__name__
