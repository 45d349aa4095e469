"""A form from a JSON Schema: each kind of parameter has its widget, and every widget keeps its value in the address."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import streamlit as st

from openbeam_portal.markdown import plain
from openbeam_portal.schema import Field, Json, fields_of
from openbeam_portal.words import en as words

__all__ = ["form", "key_of", "title_of"]

# Names that the page's own address uses, or that Streamlit keeps for itself.
_TAKEN: Final = frozenset({"function", "dataset", "run", "chosen", "problem", "embed", "embed_options"})
_PAIR: Final = 2
# Buttons side by side must fit the form's column.
_MOST_BUTTONS: Final = 4
_MOST_LETTERS: Final = 34
# A slider with more stops than pixels cannot be set.
_MOST_STOPS: Final = 2_000
_LONGEST_TEXT: Final = 1_000


def form(schema: Json) -> dict[str, Any]:
    """Show a widget for each parameter and return the values, by name; those that no widget can show are left out."""
    values: dict[str, Any] = {}
    for field in fields_of(schema):
        draw = next((kind.draw for kind in _KINDS if kind.fits(field)), None)
        if draw is None:
            st.caption(words.KEEPS_DEFAULT.format(title=plain(field.title)))
            continue
        value = draw(field)
        if value is not None:
            values[field.name] = value
    return values


def title_of(schema: Json, name: str) -> str:
    """Return the title that the form shows for a parameter, or its name."""
    return next((field.title for field in fields_of(schema) if field.name == name), name)


def key_of(name: str) -> str:
    """Return the name of a parameter in the page's address."""
    return f"p_{name}" if name.lower() in _TAKEN else name


class _Kind(NamedTuple):
    fits: Callable[[Field], bool]
    draw: Callable[[Field], Any]


def _common(field: Field) -> dict[str, Any]:
    return {"key": key_of(field.name), "help": field.help, "bind": "query-params"}


def _index(field: Field) -> int:
    return field.choices.index(field.default) if field.default in field.choices else 0


def _buttons(field: Field) -> Any:
    default = field.choices[_index(field)]
    chosen = st.segmented_control(field.label, field.choices, default=default, required=True, **_common(field))
    # An address may name no choice at all.
    return default if chosen is None else chosen


def _list(field: Field) -> Any:
    return st.selectbox(field.label, field.choices, index=_index(field), **_common(field))


def _toggle(field: Field) -> Any:
    return st.toggle(field.label, value=field.default is True, **_common(field))


def _slider(field: Field) -> Any:
    low, high, step = _numbers(field, field.low, field.high, field.step)
    value = _within(_numbers(field, field.low if field.default is None else field.default)[0], low, high)
    return st.slider(field.label, low, high, value, step, format=_format(field), **_common(field))


def _number(field: Field) -> Any:
    low, high, step, value = _numbers(field, field.low, field.high, field.step, field.default)
    if value is None and not field.optional:
        value = low if low is not None else _numbers(field, 0)[0]
    value = None if value is None else _within(value, low, high)
    return st.number_input(field.label, low, high, value, step, format=_format(field), **_common(field))


def _range(field: Field) -> Any:
    low, high, step = _numbers(field, field.low, field.high, field.step)
    default = field.default if isinstance(field.default, list | tuple) else ()
    ends = [end for end in _numbers(field, *default) if end is not None]
    value = tuple(_within(end, low, high) for end in ends) if len(ends) == _PAIR else (low, high)
    return list(st.slider(field.label, low, high, value, step, format=_format(field), **_common(field)))


def _text(field: Field) -> Any:
    longest = min(field.longest or _LONGEST_TEXT, _LONGEST_TEXT)
    return st.text_input(field.label, str(field.default or ""), max_chars=longest, **_common(field))


def _numbers(field: Field, *values: Any) -> list[Any]:
    """Return the values in the field's own type: Streamlit wants all numbers of a widget alike."""
    cast = int if field.kind == "integer" else float
    return [cast(v) if isinstance(v, int | float) and not isinstance(v, bool) else None for v in values]


def _within(value: Any, low: Any, high: Any) -> Any:
    value = value if low is None else max(low, value)
    return value if high is None else min(high, value)


def _format(field: Field) -> str | None:
    if field.kind == "integer" or not field.step:
        return None
    return f"%.{max(0, -math.floor(math.log10(field.step) + 1e-9))}f"


def _is_bounded(field: Field) -> bool:
    return field.low is not None and field.high is not None and field.high > field.low


def _is_slidable(field: Field) -> bool:
    if field.low is None or field.high is None or not _is_bounded(field) or field.optional:
        return False
    return (field.high - field.low) / (field.step or 1) <= _MOST_STOPS


def _is_numeric(field: Field) -> bool:
    return field.kind in ("integer", "number") and not field.pair


def _is_short(field: Field) -> bool:
    return len(field.choices) <= _MOST_BUTTONS and sum(len(str(choice)) for choice in field.choices) <= _MOST_LETTERS


# The first that fits is taken.
_KINDS: Final = (
    _Kind(lambda field: bool(field.choices) and _is_short(field), _buttons),
    _Kind(lambda field: bool(field.choices), _list),
    _Kind(lambda field: field.kind == "boolean", _toggle),
    _Kind(lambda field: field.pair and _is_bounded(field), _range),
    _Kind(lambda field: _is_numeric(field) and _is_slidable(field), _slider),
    _Kind(_is_numeric, _number),
    _Kind(lambda field: field.kind == "string", _text),
)
