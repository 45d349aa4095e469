"""Functions: immutable versions of source text, with their parameters and lessons."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, StringConstraints

from openbeam.models.bounds import MAX_SOURCE, Model, Name

__all__ = ["Function", "FunctionKind", "FunctionSpec", "FunctionSummary", "Lesson"]


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
