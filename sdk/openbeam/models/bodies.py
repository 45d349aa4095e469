"""What an engine's worker reads and writes. A task's code travels beside its body, so that agents can hash it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import StringConstraints

from openbeam.models.bounds import Checksum, Model
from openbeam.models.datasets import Layout
from openbeam.models.functions import CodeFormat

__all__ = ["CallBody", "CallResult", "ChunkBody", "ChunkResult", "InspectBody", "InspectResult", "file_name"]


class CallBody(Model):
    """Call ``entrypoint(*args, **kwargs)`` of the code that comes with this."""

    kind: Literal["call"] = "call"
    name: str
    format: CodeFormat = CodeFormat.source
    python: str = ""
    """The Python that made a pickle."""
    entrypoint: str
    args: list[Any]
    kwargs: dict[str, Any]


class ChunkBody(Model):
    """Run ``entrypoint(events[start:stop], Params(**params))`` of the code that comes with this."""

    kind: Literal["chunk"] = "chunk"
    name: str
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
    """Empty for CSV."""


class CallResult(Model):
    """What a plain function returned, as JSON."""

    value: Any
    seconds: float = 0.0
    """CPU time of the call."""


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
    simulated: bool = False
    """Whether the file says of itself that no detector recorded its events."""


def file_name(checksum: str, size: int) -> str:
    """Return the name of a file in the endpoint's file cache: ``<adler32>-<size>``."""
    return f"{checksum.removeprefix('adler32:')}-{size}"
