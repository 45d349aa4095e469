"""Which JSON Schemas the service may validate with, for everybody, at any time.

Authors' schemas run in the service, so what could make a validation slow or reach out is refused when a function is
published: references to elsewhere, references in circles, small schemas that unfold into huge ones, and regular
expressions that can take for ever. ``pattern`` stays: it is matched in linear time (``linear_pattern``).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError
from openbeam.errors import InvalidInput
from pydantic_core import SchemaError as PatternError
from pydantic_core import SchemaValidator, core_schema

from openbeam_service.registry.sendable import size_of

__all__ = ["check_parameters", "linear_pattern", "resolve"]

MAX_SCHEMA: Final = 64 * 1024
MAX_DEPTH: Final = 32
MAX_UNFOLDED: Final = 5_000
"""Nodes of a schema with its references written out."""

_LOCAL: Final = re.compile(r"#(/[^%#]*)?")

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFUSED: Final = {
    "$id": "names itself",
    "$anchor": "uses anchors",
    "$dynamicRef": "uses dynamic references",
    "$dynamicAnchor": "uses dynamic references",
    "$recursiveRef": "uses recursive references",
    "$schema": "changes its dialect inside",
}


def check_parameters(schema: dict[str, Any]) -> None:
    """Check the JSON Schema (draft 2020-12) of a function's parameters.

    Raises
    ------
    InvalidInput
        When it is not one, is over a bound, or uses what is refused here.

    """
    if _size(schema) > MAX_SCHEMA:
        _refuse(f"is larger than {MAX_SCHEMA:,} bytes")
    if schema.get("$schema", _DIALECT) != _DIALECT:
        _refuse(f"is not of the dialect {_DIALECT}")
    for key, value in _items({**schema, "$schema": {}}, MAX_DEPTH):
        _check_keyword(key, value)
    if schema.get("type") != "object":
        _refuse('must have "type": "object" at its top')
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        _refuse(f"is not valid: {'.'.join(map(str, error.absolute_path)) or 'top'}: {error.message[:200]}")
    _unfolded(schema, schema, ())


def linear_pattern(text: str) -> SchemaValidator:
    """Return a validator of strings with a regular expression; matching takes time linear in the string.

    Raises
    ------
    InvalidInput
        When the expression is not one, or needs backtracking (look-around, back-references).

    """
    try:
        return SchemaValidator(core_schema.str_schema(pattern=text, regex_engine="rust-regex"))
    except PatternError as error:
        raise InvalidInput(
            f"The pattern {text[:80]!r} is not a regular expression without look-around.", field="parameters"
        ) from error


def resolve(schema: Any, root: dict[str, Any]) -> Any:
    """Return what a chain of local references stands for; a schema without one stands for itself."""
    for _ in range(MAX_DEPTH):
        if not (isinstance(schema, dict) and isinstance(schema.get("$ref"), str)):
            break
        schema = _target(schema["$ref"], root)
    return schema


def _target(ref: str, root: dict[str, Any]) -> Any:
    found: Any = root
    for part in ref.removeprefix("#").split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        found = found.get(key) if isinstance(found, dict) else None
    return found


def _refuse(why: str) -> None:
    raise InvalidInput(f"The JSON Schema of the parameters {why}.", field="parameters")


def _size(schema: dict[str, Any]) -> int:
    try:
        return size_of(schema)
    except ValueError as error:
        raise InvalidInput("The JSON Schema of the parameters is not JSON.", field="parameters") from error


def _items(node: Any, depth: int) -> Iterator[tuple[str, Any]]:
    if depth == 0:
        _refuse(f"is nested more than {MAX_DEPTH} deep")
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in children:
        yield str(key), value
        yield from _items(value, depth - 1)


def _check_keyword(key: str, value: Any) -> None:
    # A parameter may have the name of a keyword: its value is a schema then, and not a text.
    if key in _REFUSED and isinstance(value, str):
        _refuse(_REFUSED[key])
    if key == "patternProperties":
        _refuse("uses patternProperties")
    if key == "$ref" and not (isinstance(value, str) and _LOCAL.fullmatch(value)):
        _refuse(f"refers to {str(value)[:80]!r}; only references inside itself (#/$defs/…) are followed")
    if key == "pattern" and isinstance(value, str):
        linear_pattern(value)


def _unfolded(node: Any, root: dict[str, Any], path: tuple[str, ...]) -> int:
    if isinstance(node, list):
        return _sum(node, root, path)
    if not isinstance(node, dict):
        return 1
    total = _sum(list(node.values()), root, path)
    ref = node.get("$ref")
    if isinstance(ref, str):
        if ref in path or ref == "#":
            _refuse(f"refers to {ref!r} from inside of it")
        target = _target(ref, root)
        if target is None:
            _refuse(f"refers to {ref!r}, which is not there")
        total += _unfolded(target, root, (*path, ref))
    return _bounded(total + 1)


def _sum(nodes: list[Any], root: dict[str, Any], path: tuple[str, ...]) -> int:
    total = 0
    for node in nodes:
        total = _bounded(total + _unfolded(node, root, path))
    return total


def _bounded(total: int) -> int:
    if total > MAX_UNFOLDED:
        _refuse(f"unfolds into more than {MAX_UNFOLDED:,} parts")
    return total
