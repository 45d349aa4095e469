from __future__ import annotations

import json
import time
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbeam.errors import InvalidInput, InvalidParameter
from openbeam_service.registry.schema import check_parameters
from openbeam_service.runs.params import canonical, canonical_json, check_named, complete
from pydantic import BaseModel, Field


class Window(BaseModel):
    low: float = Field(60, ge=0, json_schema_extra={"x-unit": "GeV"})
    high: float = Field(120, gt=0, lt=1000)


class Params(BaseModel):
    window: Window = Window()
    other: Window | None = None
    bins: int = Field(60, ge=1, le=300, multiple_of=2)
    charge: str = Field("opposite", pattern="^(opposite|same)$")
    names: list[str] = Field([], max_length=3)
    quality: bool = True
    mode: str = Field("fast", json_schema_extra={"enum": ["fast", "slow"]})
    needed: float


NESTED: Any = 1
for _ in range(300):
    NESTED = [NESTED]

SCHEMA = Params.model_json_schema()


def test_a_pydantic_schema_may_be_used() -> None:
    check_parameters(SCHEMA)


def test_defaults_are_filled_in_and_numbers_are_canonical() -> None:
    full = complete(SCHEMA, {"needed": 3.0, "window": {"low": 70.5}})
    assert full == {
        "window": {"low": 70.5, "high": 120},
        "other": None,
        "bins": 60,
        "charge": "opposite",
        "names": [],
        "quality": True,
        "mode": "fast",
        "needed": 3,
    }
    assert isinstance(full["needed"], int)
    assert complete(SCHEMA, full) == full


@pytest.mark.parametrize(
    ("given_", "parameter", "reason"),
    [
        ({"bins": 400}, "bins", "must be at most 300"),
        ({"bins": 0}, "bins", "must be at least 1"),
        ({"bins": 3}, "bins", "must be a multiple of 2"),
        ({"bins": "many"}, "bins", "must be a whole number"),
        ({"window": {"low": -1}}, "window.low", "must be at least 0 GeV"),
        ({"window": {"high": 0}}, "window.high", "must be more than 0"),
        ({"window": {"high": 1000}}, "window.high", "must be less than 1000"),
        ({"window": 3}, "window", "must be a set of named values"),
        ({"charge": "both"}, "charge", "must match ^(opposite|same)$"),
        ({"names": ["a"] * 4}, "names", "must have at most 3 entries"),
        ({"names": ["a", 1]}, "names.1", "must be text"),
        ({"quality": 1}, "quality", "must be true or false"),
        ({"mode": "medium"}, "mode", "must be one of fast, slow"),
        ({"needed": None}, "needed", "must be a number"),
        ({"needed": float("nan")}, "needed", "must be a finite number"),
        ({"window": {"low": float("inf")}}, "window.low", "must be a finite number"),
        ({"binz": 3}, "binz", "is not a parameter of this function; did you mean bins"),
        ({"names": ["x" * 70_000]}, "names", "makes the parameters"),
        ({"charge": "\ud800"}, "charge", "cannot be sent as JSON"),
        ({"names": [NESTED]}, "names", "cannot be sent as JSON"),
    ],
)
def test_what_does_not_fit_is_named_in_words(given_: dict[str, Any], parameter: str, reason: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        complete(SCHEMA, {"needed": 1, **given_})
    assert caught.value.details["parameter"] == parameter
    assert reason in caught.value.details["reason"]
    assert parameter in caught.value.message


def test_a_missing_parameter_is_named() -> None:
    with pytest.raises(InvalidParameter, match="'needed': is required"):
        complete(SCHEMA, {})


def test_unknown_names_are_let_through_where_the_schema_says_so() -> None:
    assert complete({"type": "object", "additionalProperties": True}, {"any": 1}) == {"any": 1}
    with pytest.raises(InvalidParameter):
        complete({"type": "object"}, {"any": 1})


def test_a_pattern_takes_linear_time() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}}}
    check_parameters(schema)
    started = time.monotonic()
    with pytest.raises(InvalidParameter):
        complete(schema, {"a": "a" * 5000 + "b"})
    assert complete(schema, {"a": "a" * 5000})
    assert time.monotonic() - started < 1


def test_a_dialect_does_not_bring_another_validator() -> None:
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"a": {"type": "string", "pattern": "^(a+)+$"}},
    }
    started = time.monotonic()
    with pytest.raises(InvalidParameter):
        complete(schema, {"a": "a" * 40 + "b"})
    assert time.monotonic() - started < 1


def test_arguments_that_a_schema_does_not_describe_are_pythons_business() -> None:
    schema = {"type": "object", "properties": {"x": {"type": "number", "maximum": 1}}, "required": ["x", "y"]}
    check_named(schema, {"z": 1})
    check_named(schema, {"x": 1})
    with pytest.raises(InvalidParameter):
        check_named(schema, {"x": 2, "z": 1})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(JSON)
def test_canonical_json_does_not_change_what_is_canonical(value: Any) -> None:
    once = canonical(value)
    text = canonical_json(once)
    assert canonical_json(canonical(json.loads(text))) == text
    assert json.loads(text) == json.loads(json.dumps(value))


@given(st.dictionaries(st.text(max_size=4), st.integers() | st.floats(-1e6, 1e6), max_size=5))
def test_the_order_of_names_does_not_matter(value: dict[str, Any]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical_json(canonical(value)) == canonical_json(canonical(turned))


@given(JSON)
def test_no_json_breaks_the_check_of_schemas(value: Any) -> None:
    schema = {"type": "object", "properties": {"a": value}, "default": value}
    with suppress(InvalidInput):
        check_parameters(schema)
        complete(schema, {"a": value})
