"""A JSON Schema of parameters, read as a list of fields that a form can show."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["Field", "fields_of"]

_MOST_FIELDS: Final = 60
_DEEPEST: Final = 8
_PAIR: Final = 2
_STEPS: Final = (1, 2, 5, 10)

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Field:
    """One parameter. ``low``, ``high`` and ``step`` are numbers or None; ``kind`` is the JSON type, or ``""``."""

    name: str
    title: str
    kind: str
    help: str | None = None
    unit: str = ""
    default: Any = None
    choices: tuple[Any, ...] = ()
    low: float | None = None
    high: float | None = None
    step: float | None = None
    longest: int | None = None
    pair: bool = False
    optional: bool = False
    schema: Json = field(default_factory=dict, repr=False)

    @property
    def label(self) -> str:
        """Return title and unit, as axes of figures have them: ``Lowest mass [GeV]``."""
        return f"{self.title} [{self.unit}]" if self.unit else self.title


def fields_of(schema: Json) -> list[Field]:
    """Return the fields of an object's schema (``Params.model_json_schema()``), in its order; at most sixty."""
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return []
    return [_field(str(name), node, schema) for name, node in list(properties.items())[:_MOST_FIELDS]]


def _field(name: str, node: Any, root: Json) -> Field:
    found = _resolved(node if isinstance(node, Mapping) else {}, root)
    optional = bool(found.get("x-optional"))
    items = [_resolved(item, root) for item in found.get("prefixItems", []) if isinstance(item, Mapping)]
    pair = found.get("type") == "array" and len(items) == _PAIR and all(_is_number(item) for item in items)
    kind = "number" if pair else str(found.get("type", ""))
    low, high = _range(found, items, whole=kind == "integer")
    return Field(
        name=name,
        title=str(found.get("title") or name.replace("_", " ")),
        kind=kind,
        help=str(found["description"]) if found.get("description") else None,
        unit=str(found.get("x-unit") or ""),
        default=found.get("default"),
        choices=_choices(found),
        low=low,
        high=high,
        step=_step(found, low, high, whole=kind == "integer"),
        longest=found.get("maxLength") if isinstance(found.get("maxLength"), int) else None,
        pair=pair,
        optional=optional,
        schema=found,
    )


def _resolved(node: Json, root: Json, depth: int = 0) -> dict[str, Any]:
    """Return a node with its reference, its single ``allOf`` or its one alternative to null taken in."""
    own = {key: value for key, value in node.items() if key not in ("$ref", "allOf", "anyOf")}
    if depth > _DEEPEST:
        return own
    others: list[Any] = []
    if "$ref" in node:
        others = [_at(str(node["$ref"]), root)]
    elif len(node.get("allOf", [])) == 1:
        others = list(node["allOf"])
    elif "anyOf" in node:
        others = [part for part in node["anyOf"] if isinstance(part, Mapping) and part.get("type") != "null"]
        if len(others) == len(node["anyOf"]) - 1 == 1:
            own["x-optional"] = True
    if len(others) == 1 and isinstance(others[0], Mapping):
        return {**_resolved(others[0], root, depth + 1), **own}
    return own


def _at(reference: str, root: Json) -> Any:
    node: Any = root
    for part in reference.removeprefix("#/").split("/"):
        node = node.get(part) if isinstance(node, Mapping) else None
    return node


def _choices(found: Json) -> tuple[Any, ...]:
    if isinstance(found.get("enum"), list):
        return tuple(found["enum"])
    return (found["const"],) if "const" in found else ()


def _is_number(node: Json) -> bool:
    return node.get("type") in ("integer", "number")


def _range(found: Json, items: list[dict[str, Any]], *, whole: bool) -> tuple[float | None, float | None]:
    given = found.get("x-range")
    if isinstance(given, list) and len(given) == _PAIR:
        return _number(given[0]), _number(given[1])
    if items:
        return _number(items[0].get("minimum")), _number(items[-1].get("maximum"))
    nudge = 1 if whole else _number(found.get("x-step")) or 0
    low, high = _number(found.get("minimum")), _number(found.get("maximum"))
    above, below = _number(found.get("exclusiveMinimum")), _number(found.get("exclusiveMaximum"))
    low = above + nudge if low is None and above is not None else low
    high = below - nudge if high is None and below is not None else high
    return low, high


def _step(found: Json, low: float | None, high: float | None, *, whole: bool) -> float | None:
    given = _number(found.get("x-step")) or _number(found.get("multipleOf"))
    if given and given > 0:
        return given
    if whole or low is None or high is None or high <= low:
        return 1 if whole else None
    rough = (high - low) / 100
    power = 10.0 ** math.floor(math.log10(rough))
    return float(f"{next(n * power for n in _STEPS if n * power >= rough * (1 - 1e-9)):.12g}")


def _number(value: Any) -> float | None:
    sound = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if sound else None
