"""Parameters of a function: checked against its JSON Schema, completed, and written in one canonical way."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any, Final, cast

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError, best_match
from jsonschema.validators import extend
from openbeam.errors import InvalidParameter, nearest
from referencing import Registry

from openbeam_service.registry.schema import linear_pattern, resolve
from openbeam_service.registry.sendable import size_of

__all__ = ["MAX_PARAMS", "canonical", "canonical_json", "check_named", "complete"]

MAX_PARAMS: Final = 64 * 1024
"""Bytes of all parameters of one request, as JSON."""

_LARGEST_EXACT: Final = 2**53
_TYPES: Final = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a set of named values",
    "null": "empty",
}
_WORDS: Final[dict[str, Callable[[Any], str]]] = {
    "minimum": lambda bound: f"must be at least {_shown(bound)}",
    "maximum": lambda bound: f"must be at most {_shown(bound)}",
    "exclusiveMinimum": lambda bound: f"must be more than {_shown(bound)}",
    "exclusiveMaximum": lambda bound: f"must be less than {_shown(bound)}",
    "multipleOf": lambda step: f"must be a multiple of {_shown(step)}",
    "minLength": lambda length: f"must have at least {length} characters",
    "maxLength": lambda length: f"must have at most {length} characters",
    "minItems": lambda length: f"must have at least {length} entries",
    "maxItems": lambda length: f"must have at most {length} entries",
    "uniqueItems": lambda _: "must not have an entry twice",
    "pattern": lambda pattern: f"must match {_shown(pattern)}",
    "enum": lambda values: f"must be one of {', '.join(map(_shown, values[:20]))}",
    "const": lambda value: f"must be {_shown(value)}",
    "type": lambda kinds: f"must be {' or '.join(_TYPES[kind] for kind in _listed(kinds))}",
}
_WITH_UNIT: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})


def complete(schema: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters of a function in canonical form: the given ones, and the defaults of the others.

    Raises
    ------
    InvalidParameter
        Naming the parameter, and in words the bound that it breaks.

    """
    root = _plain(schema)
    params = canonical(given)
    _check_size(params)
    _check_names(root, params)
    filled = canonical(_filled(root, root, params))
    _check(canonical_json(root), filled)
    return dict(filled)


def check_named(schema: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Check those arguments of a plain function that its schema describes; Python itself knows about the others.

    Raises
    ------
    InvalidParameter
        As ``complete`` does.

    """
    root = _plain(schema)
    known = {name: value for name, value in given.items() if name in root.get("properties", {})}
    if known:
        _check_size(known)
        _check(canonical_json({**root, "required": []}), canonical(known))


def canonical(value: Any) -> Any:
    """Return a JSON value with every whole number as an integer, so that 60 and 60.0 are the same request.

    Raises
    ------
    InvalidParameter
        When a number is not finite.

    """
    if isinstance(value, Mapping):
        return {str(key): _canonical_part(str(key), part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [canonical(part) for part in value]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidParameter.of("", "must be a finite number")
        return int(value) if value.is_integer() and abs(value) < _LARGEST_EXACT else value
    return value


def canonical_json(value: Any) -> str:
    """Return JSON that is equal for equal values: sorted, without spaces, without NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _canonical_part(name: str, value: Any) -> Any:
    try:
        return canonical(value)
    except InvalidParameter as error:
        inner = error.details["parameter"]
        raise InvalidParameter.of(f"{name}.{inner}" if inner else name, error.details["reason"]) from error
    except RecursionError as error:
        raise InvalidParameter.of(name, "cannot be sent as JSON") from error


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    # With a dialect of its own, a schema would be handed to that dialect's validator, and its patterns to `re`.
    return {key: value for key, value in schema.items() if key != "$schema"}


def _check_size(params: Mapping[str, Any]) -> None:
    sizes = {name: _size(name, value) for name, value in params.items()}
    size = sum(sizes.values())
    if size > MAX_PARAMS:
        largest = max(sizes, key=lambda name: sizes[name])
        raise InvalidParameter.of(
            largest, f"makes the parameters {size:,} bytes long; at most {MAX_PARAMS:,} are possible"
        )


def _size(name: str, value: Any) -> int:
    try:
        return size_of({name: value})
    except ValueError as error:
        raise InvalidParameter.of(name.encode(errors="replace").decode(), "cannot be sent as JSON") from error


def _check_names(root: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    known = root.get("properties", {})
    if root.get("additionalProperties", False) is not False:
        return
    for name in params:
        if name not in known:
            close = nearest(name, known)
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            error = InvalidParameter.of(name, f"is not a parameter of this function{hint}".rstrip("?"))
            error.details["nearest"] = close
            raise error


def _filled(schema: Any, root: dict[str, Any], value: Any) -> Any:
    schema = resolve(schema, root)
    if not isinstance(value, dict) or not isinstance(schema, dict):
        return value
    full = dict(value)
    for name, inner in schema.get("properties", {}).items():
        if name in full:
            full[name] = _filled(inner, root, full[name])
        elif isinstance(inner, dict) and "default" in inner:
            full[name] = _filled(inner, root, inner["default"])
    return full


# ------------------------------------------------------------------------------------------------ words
@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> Any:
    return linear_pattern(pattern)


def _matches(_validator: Any, pattern: str, instance: Any, _schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not _compiled(pattern).isinstance_python(instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


_Validator: Final[Any] = extend(Draft202012Validator, {"pattern": _matches})  # type: ignore[no-untyped-call]


@lru_cache(maxsize=512)
def _validator(schema: str) -> Any:
    # An empty registry: nothing is fetched, whatever a schema refers to.
    return _Validator(json.loads(schema), registry=Registry())


def _check(schema: str, params: dict[str, Any]) -> None:
    error = best_match(_validator(schema).iter_errors(params))
    if error is not None:
        parameter, reason = _in_words(error)
        raise InvalidParameter.of(parameter, reason)


def _in_words(error: ValidationError) -> tuple[str, str]:
    path = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "required":
        required: Any = error.validator_value
        missing = next((name for name in required if name not in cast("dict[str, Any]", error.instance)), "")
        return ".".join(filter(None, (path, missing))), "is required"
    if error.validator in {"additionalProperties", "unevaluatedProperties"}:
        return path, "has a field that is not known"
    say = _WORDS.get(str(error.validator))
    if say is None:
        return path, "is not one of the values that the function allows"
    unit = error.schema.get("x-unit") if isinstance(error.schema, dict) else None
    return path, say(error.validator_value) + (f" {unit}" if unit and error.validator in _WITH_UNIT else "")


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:60] + "…"  # noqa: PLR2004  a line's worth


def _listed(kinds: Any) -> list[str]:
    return [kinds] if isinstance(kinds, str) else list(kinds)
