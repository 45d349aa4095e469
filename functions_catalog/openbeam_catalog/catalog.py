"""The catalog as what the service takes: a ``FunctionSpec`` a folder, from the texts that lie in it."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from openbeam.authoring.folder import Folder
from openbeam.errors import InvalidInput, UnknownFunction
from openbeam.models import FunctionSpec, Visibility
from pydantic import BaseModel

__all__ = ["load_catalog", "load_function"]

FOLDER = Path(__file__).parent


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
        return Folder.read(FOLDER / name).spec(_parameters(name), Visibility.public)
    except InvalidInput as error:
        raise InvalidInput(
            f"The catalog's folder {name!r} does not make a function: {error}", **{**error.details, "name": name}
        ) from error


def _names() -> list[str]:
    return sorted(path.parent.name for path in FOLDER.glob("*/analysis.py"))


def _parameters(name: str) -> dict[str, Any]:
    params: type[BaseModel] = import_module(f"openbeam_catalog.{name}.analysis").Params
    return params.model_json_schema()
