"""The folder of an analysis: ``analysis.py``, ``meta.toml``, and a ``lesson.LANGUAGE.md`` for each language."""

from __future__ import annotations

import importlib.util
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from openbeam.checks import checked
from openbeam.errors import InvalidInput
from openbeam.models import FunctionKind, FunctionSpec, Lesson, Name, Visibility
from openbeam.source import from_module

__all__ = ["ENTRYPOINT", "Folder", "Meta"]

ENTRYPOINT: Final = "analyze"


class Meta(BaseModel):
    """``meta.toml``: what people see of an analysis before they open it."""

    model_config = ConfigDict(extra="forbid")

    title: str
    description: str
    tags: list[Name]
    datasets: Annotated[list[Name], Field(min_length=1)]
    timeout: Annotated[float, Field(gt=0, le=3600)]
    lessons: dict[str, str]
    """Language to the title of the lesson in it."""


@dataclass(frozen=True)
class Folder:
    """The texts of one analysis, as they are on disk."""

    path: Path
    source: str
    meta: Meta
    lessons: list[Lesson]

    @property
    def name(self) -> str:
        """What the analysis is called: as its folder."""
        return self.path.name

    @classmethod
    def read(cls, path: Path) -> Folder:
        """Read the texts; nothing of them is run.

        Raises
        ------
        InvalidInput
            When one is missing or is not what it should be; names the file.

        """
        path = path.resolve()
        meta = _meta(path)
        lessons = [
            checked(Lesson, language=language, title=title, markdown=_text(path / f"lesson.{language}.md"))
            for language, title in sorted(meta.lessons.items())
        ]
        return cls(path, _text(path / "analysis.py"), meta, lessons)

    def spec(self, parameters: dict[str, Any], visibility: Visibility | None = None, **more: Any) -> FunctionSpec:
        """Return what is published, with the JSON Schema of the parameters.

        Raises
        ------
        InvalidInput
            When a text is too long, or the folder has a name that no function can have.

        """
        return checked(
            FunctionSpec,
            name=self.name,
            kind=FunctionKind.analysis,
            source=self.source,
            entrypoint=ENTRYPOINT,
            parameters=parameters,
            **self.meta.model_dump(exclude={"lessons"}),
            lessons=self.lessons,
            visibility=visibility,
            **more,
        )

    def parameters(self) -> dict[str, Any]:
        """Return the JSON Schema of the parameters. The text is imported for that: for one's own analyses.

        Raises
        ------
        InvalidInput
            When it cannot be imported here, or its ``Params`` is no pydantic model.

        """
        found = importlib.util.spec_from_file_location(f"openbeam_analysis_{self.name}", self.path / "analysis.py")
        if found is None or found.loader is None:
            raise InvalidInput(f"{self.path / 'analysis.py'} cannot be imported.", field="source")
        module = importlib.util.module_from_spec(found)
        try:
            found.loader.exec_module(module)
        except ModuleNotFoundError as error:
            raise InvalidInput(
                f"analysis.py needs {error.name}, which is not installed here. Install it: pip install {error.name}",
                field="source",
            ) from error
        except Exception as error:
            raise InvalidInput(f"analysis.py cannot be imported: {type(error).__name__}: {error}.") from error
        return from_module(module, entrypoint=ENTRYPOINT).parameters


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise InvalidInput(f"{path.parent.name} has no {path.name}. Write one.", file=path.name) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path.name} cannot be read as text: {error}.", file=path.name) from error


def _meta(folder: Path) -> Meta:
    if not folder.is_dir():
        raise InvalidInput(f"There is no folder {folder}. Make one: openbeam functions new NAME", file=str(folder))
    try:
        return Meta.model_validate(tomllib.loads(_text(folder / "meta.toml")))
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"meta.toml is not TOML: {error}.", file="meta.toml") from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = ".".join(str(part) for part in first["loc"])
        raise InvalidInput(f"meta.toml: {field}: {first['msg']}.", file="meta.toml", field=field) from error
