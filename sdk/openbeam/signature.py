"""What a function's signature says of its parameters, as JSON Schema: made on the author's machine."""

from __future__ import annotations

import inspect
import json
import typing
from collections.abc import Callable
from typing import Any, Final

from pydantic import PydanticSchemaGenerationError, TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticUserError

__all__ = ["docstring_of", "parameters_from"]

_NAMED: Final = {inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}


def docstring_of(function: Callable[..., Any]) -> str:
    """Return a function's docstring, without its indentation."""
    return inspect.getdoc(function) or ""


def parameters_from(function: Callable[..., Any]) -> dict[str, Any]:
    """Return the JSON Schema of the parameters that can be named; one without a usable hint may be anything."""
    try:
        hints = typing.get_type_hints(function)
    except Exception:  # noqa: BLE001  a hint is any expression, and no reason not to publish
        hints = {}
    named = [one for one in inspect.signature(function).parameters.values() if one.kind in _NAMED]
    schema: dict[str, Any] = {
        "type": "object",
        "properties": {one.name: _property(one, hints.get(one.name, Any)) for one in named},
    }
    required = [one.name for one in named if one.default is one.empty]
    return {**schema, "required": required} if required else schema


def _property(one: inspect.Parameter, hint: Any) -> dict[str, Any]:
    schema = _schema(hint)
    if one.default is one.empty:
        return schema
    if one.default is None and schema:
        # ``x: int = None`` means that None may be given too.
        schema = {"anyOf": [schema, {"type": "null"}]} if "anyOf" not in schema else schema
    return {**schema, "default": one.default} if _is_json(one.default) else schema


def _schema(hint: Any) -> dict[str, Any]:
    try:
        schema = TypeAdapter(hint).json_schema()
    except (PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, PydanticUserError, TypeError):
        return {}
    # References would point outside of this property.
    return {} if "$defs" in schema else {key: value for key, value in schema.items() if key != "title"}


def _is_json(value: Any) -> bool:
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        return False
    return True
