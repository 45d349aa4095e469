"""The catalog as what the service takes: a ``FunctionSpec`` a folder, from the texts that lie in it."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

from openbeam.errors import InvalidInput, UnknownFunction
from openbeam.models import FunctionKind, FunctionSpec, Lesson, Name, Visibility
from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["load_catalog", "load_function"]

FOLDER = Path(__file__).parent


class Meta(BaseModel):
    """``meta.toml``: what people see of an analysis before they open it."""

    model_config = ConfigDict(extra="forbid")

    title: str
    description: str
    tags: list[Name]
    datasets: Annotated[list[Name], Field(min_length=1)]
    timeout: float
    lessons: dict[str, str]
    """Language to the title of the lesson in it."""


def load_catalog() -> list[FunctionSpec]:
    """Return every analysis, in the order of their names.

    Raises
    ------
    InvalidInput
        When a folder's texts do not make a function; names the folder and the field.

    """
    return [load_function(name) for name in _names()]


def load_function(name: str) -> FunctionSpec:
    """Return one analysis.

    Raises
    ------
    UnknownFunction
        With the nearest known names.
    InvalidInput
        When its texts do not make a function.

    """
    if name not in _names():
        raise UnknownFunction.among(name, _names())
    try:
        return _spec(FOLDER / name)
    except (ValidationError, tomllib.TOMLDecodeError, OSError) as error:
        raise InvalidInput(f"The catalog's folder {name!r} does not make a function: {error}", name=name) from error


def _names() -> list[str]:
    return sorted(path.parent.name for path in FOLDER.glob("*/analysis.py"))


def _spec(folder: Path) -> FunctionSpec:
    meta = Meta.model_validate(tomllib.loads((folder / "meta.toml").read_text(encoding="utf-8")))
    return FunctionSpec(
        name=folder.name,
        kind=FunctionKind.analysis,
        source=(folder / "analysis.py").read_text(encoding="utf-8"),
        entrypoint="analyze",
        parameters=_parameters(folder.name),
        title=meta.title,
        description=meta.description,
        tags=meta.tags,
        datasets=meta.datasets,
        lessons=[_lesson(folder, language, title) for language, title in sorted(meta.lessons.items())],
        timeout=meta.timeout,
        visibility=Visibility.public,
    )


def _lesson(folder: Path, language: str, title: str) -> Lesson:
    markdown = (folder / f"lesson.{language}.md").read_text(encoding="utf-8")
    return Lesson(language=language, title=title, markdown=markdown)


def _parameters(name: str) -> dict[str, Any]:
    params: type[BaseModel] = import_module(f"openbeam_catalog.{name}.analysis").Params
    return params.model_json_schema()
