"""An engine of one's own, to try an analysis on: the sandbox of endpoints, with one file and one worker in it."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import structlog
from openbeam.checks import task_error
from openbeam.errors import EngineFault
from openbeam.models import (
    CallBody,
    CallResult,
    ChunkBody,
    ChunkResult,
    DatasetSpec,
    InspectBody,
    InspectResult,
    file_name,
)
from openbeam_datasets.sample import MOST_EVENTS, sample_of
from pydantic import BaseModel

from openbeam_endpoint.engines import Engine, EngineReply
from openbeam_endpoint.parcel import pack
from openbeam_endpoint.sandbox.choose import choose_isolation

__all__ = ["Bench"]

_CHECKSUM: Final = "adler32:00000000"
"""The file's name in the engine: there is only one, and nobody looks for it by what it is."""
_ASK: Final = "openbeam_parameters"
_SCHEMA: Final = f"""


def {_ASK}():
    params = globals().get("Params")
    return params.model_json_schema() if params else {{"type": "object", "properties": {{}}}}
"""


class Bench:
    """An engine over a sample of a dataset's events; what runs in it reaches nothing else of this machine.

    Raises
    ------
    DataUnavailable
        When none of the dataset's events can be had here.
    EngineFault
        When this machine can run no engine.

    """

    def __init__(self, dataset: DatasetSpec, sample: Path | None = None) -> None:
        # Engines tell an agent's log what they do; whoever checks an analysis reads the findings.
        self._log_settings = structlog.get_config()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
        self._dataset = dataset
        self._folder = Path(tempfile.mkdtemp(prefix="openbeam-bench-"))
        try:
            path = sample if sample is not None else sample_of(dataset, self._folder / "fetched")
            self._size = path.stat().st_size
            data = self._folder / "data"
            data.mkdir()
            _place(path, data / file_name(_CHECKSUM, self._size))
            self.isolation = choose_isolation()
            self._engine = Engine(name="bench", data=data, workers=1, isolation=self.isolation)
            self._engine.start()
            facts = self._inspect()
        except BaseException:
            self.close()
            raise
        self.events = min(facts.entries, MOST_EVENTS)
        self.simulated = facts.simulated or dataset.simulated

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the engine, and take everything away."""
        with suppress(AttributeError):
            self._engine.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        structlog.configure(**self._log_settings)

    def parameters(self, name: str, source: str) -> dict[str, Any]:
        """Return the JSON Schema of the parameters of an analysis.

        Raises
        ------
        TaskError
            When the text does not run.

        """
        body = CallBody(name=name, entrypoint=_ASK, args=[], kwargs={})
        value = CallResult.model_validate_json(self._answer(source + _SCHEMA, body)).value
        if not isinstance(value, dict):
            raise EngineFault("Params has no JSON Schema.")
        return value

    def run(self, name: str, source: str, params: dict[str, Any], start: int, stop: int) -> ChunkResult:
        """Return what an analysis makes of events ``start`` to ``stop``.

        Raises
        ------
        TaskError
            When it does not succeed.

        """
        body = ChunkBody(
            name=name,
            entrypoint="analyze",
            params=params,
            file=_CHECKSUM,
            size=self._size,
            tree=self._dataset.tree,
            layout=self._dataset.layout,
            start=start,
            stop=stop,
        )
        return ChunkResult.model_validate_json(self._answer(source, body))

    def _inspect(self) -> InspectResult:
        body = InspectBody(file=_CHECKSUM, size=self._size, tree=self._dataset.tree)
        return InspectResult.model_validate_json(self._answer("", body))

    def _answer(self, source: str, body: BaseModel, seconds: float = 60.0) -> bytes:
        done = threading.Event()
        replies: list[EngineReply] = []

        def take(reply: EngineReply) -> None:
            replies.append(reply)
            done.set()

        self._engine.submit("bench", pack(source.encode(), body.model_dump_json().encode()), seconds, take)
        done.wait()
        if (problem := replies[0].problem) is not None:
            raise task_error(problem)
        return replies[0].body or b""


def _place(path: Path, wanted: Path) -> None:
    """Put the file where the engine sees it; a link to elsewhere would lead nowhere in there."""
    try:
        os.link(path, wanted)
    except OSError:
        shutil.copyfile(path, wanted)
