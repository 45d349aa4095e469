"""Functions: immutable versions of source text, with their parameters and lessons."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import ConfigDict, Field, StringConstraints, model_validator

from openbeam.models.bounds import MAX_SOURCE, Model, Name
from openbeam.models.sharing import Visibility, check_classes

__all__ = [
    "CodeFormat",
    "Deprecate",
    "Deprecation",
    "EnvironmentRef",
    "Function",
    "FunctionKind",
    "FunctionPage",
    "FunctionQuery",
    "FunctionRule",
    "FunctionSpec",
    "FunctionSummary",
    "Lesson",
    "PythonVersion",
]

EnvironmentRef = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9:+._-]{0,119}$")]
"""An environment by its name or by its digest."""
PythonVersion = Annotated[str, StringConstraints(pattern=r"^([0-9]\.[0-9]{1,3})?$")]
"""``3.11``; empty where it does not matter or is not known."""

_RULES = (
    r"[a-z0-9][a-z0-9_-]{0,63}/[a-z0-9][a-z0-9_-]{0,63}(@[1-9][0-9]{0,8})?",
    r"[0-9a-f]{64}",
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
)
FunctionRule = Annotated[str, StringConstraints(pattern=f"^({'|'.join(_RULES)})$")]
"""Functions on an allow-list: ``owner/name``, ``owner/name@version``, an id, or the SHA-256 of a source."""


class FunctionKind(StrEnum):
    """A plain function is called with arguments; an analysis runs over a dataset and returns histograms."""

    plain = "plain"
    analysis = "analysis"


class CodeFormat(StrEnum):
    """How code travels: as source text, or pickled, which only an engine ever opens."""

    source = "source"
    pickle = "pickle"


class Lesson(Model):
    """The page that goes with an analysis, in one language."""

    language: Annotated[str, StringConstraints(pattern=r"^[a-z]{2}$")] = "en"
    title: Annotated[str, StringConstraints(max_length=200)]
    markdown: Annotated[str, StringConstraints(max_length=60_000)]


class FunctionSpec(Model):
    """What an author publishes. The same source, schema and words again give the same version back."""

    name: Name
    kind: FunctionKind = FunctionKind.plain
    format: CodeFormat = CodeFormat.source
    source: Annotated[str, StringConstraints(min_length=1, max_length=MAX_SOURCE)]
    """Python text; for pickled code, base64 of the pickle."""
    python: PythonVersion = ""
    """The Python that made a pickle; no other minor version opens it."""
    entrypoint: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    """JSON Schema (draft 2020-12) of the parameters; ``x-unit`` names a unit."""
    title: Annotated[str, StringConstraints(max_length=200)] = ""
    description: Annotated[str, StringConstraints(max_length=4_000)] = ""
    docstring: Annotated[str, StringConstraints(max_length=20_000)] = ""
    tags: Annotated[list[Name], Field(max_length=20)] = Field(default_factory=list)
    datasets: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)
    """Datasets that the analysis was written for; the first is the default."""
    environment: EnvironmentRef | None = None
    """What an endpoint must have installed, by name or digest; None runs anywhere."""
    lessons: Annotated[list[Lesson], Field(max_length=20)] = Field(default_factory=list)
    timeout: Annotated[float, Field(gt=0, le=3600)] = 300.0
    """Wall-time limit of one task, seconds."""
    visibility: Visibility | None = None
    """Who sees it. None: a new version is private, and one that is there stays as it is."""
    classes: Annotated[list[Name], Field(max_length=50)] = Field(default_factory=list)
    """Names or ids of the classes that it is shared with, when ``visibility`` is ``class``."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_classes(self.visibility, self.classes)
        if (self.format is CodeFormat.pickle) != bool(self.python):
            raise ValueError("name the Python that made it with pickled code, and only with that")
        if self.format is CodeFormat.pickle and self.visibility not in {None, Visibility.private}:
            raise ValueError("pickled code stays private; publish source text to share it")
        if self.format is CodeFormat.pickle and self.kind is not FunctionKind.plain:
            raise ValueError("an analysis is published as source text, not as pickled code")
        return self


class FunctionPage(Model):
    """A piece of a list of functions."""

    limit: Annotated[int, Field(ge=1, le=1_000)] = 1_000
    """At most this many."""
    offset: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Leave out this many at the beginning."""


class FunctionQuery(FunctionPage):
    """Which functions to list; what is left out does not matter."""

    model_config = ConfigDict(populate_by_name=True)

    search: Annotated[str, StringConstraints(max_length=200)] = ""
    """Words, or beginnings of words, of name, title, tags, description or docstring: all of them. Best first."""
    kind: FunctionKind | None = None
    tag: Name | None = None
    dataset: Name | None = None
    """Written for this dataset."""
    owner: Name | None = None
    environment: EnvironmentRef | None = None
    """Needs this environment."""
    class_: Annotated[Name | None, Field(alias="class")] = None
    """Shared with this class of the caller's, by name or id."""
    deprecated: bool | None = None


class Deprecate(Model):
    """Why a version should not be used any more, and what to use in its place."""

    reason: Annotated[str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True)]
    successor: Annotated[str, StringConstraints(max_length=120)] | None = None
    """A function that is there: id, ``name`` or ``name@version``."""


class Deprecation(Model):
    """A version that should not be used any more. It still runs."""

    reason: str
    successor: str | None
    since: datetime


class FunctionSummary(Model):
    """A function version as lists show it."""

    id: str
    name: str
    version: int
    kind: FunctionKind
    format: CodeFormat = CodeFormat.source
    title: str
    description: str
    tags: list[str]
    datasets: list[str]
    environment: str | None = None
    owner: str
    visibility: Visibility = Visibility.private
    classes: list[str] = Field(default_factory=list)
    """Names of the classes that it is shared with; for its owner and administrators, empty for others."""
    deprecated: Deprecation | None = None
    sha256: str
    """Of the source text, or of the pickle's bytes."""
    created: datetime


class Function(FunctionSummary):
    """A function version with its source, schema and lessons."""

    source: str
    entrypoint: str
    parameters: dict[str, Any]
    docstring: str = ""
    python: str = ""
    lessons: list[Lesson]
    timeout: float
