"""The form that a JSON Schema becomes: which widget, in which bounds, kept in the address."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from openbeam_portal.form import key_of, title_of
from openbeam_portal.schema import fields_of
from pydantic import BaseModel, Field
from streamlit.testing.v1 import AppTest


class Params(BaseModel):
    """One parameter of each kind."""

    charge: Literal["opposite", "same", "both"] = Field("same", title="Charges")
    window: Literal["all", "J/psi", "psi(2S)", "Upsilon", "Z"] = "Z"
    long_names: Literal["both global", "global and tracker", "both tracker"] = "both global"
    isolated: bool = True
    min_pt: float = Field(3, ge=0, le=50, title="Lowest momentum", json_schema_extra={"x-unit": "GeV", "x-step": 0.5})
    bins: int = Field(60, ge=10, le=200)
    events: int = Field(1000, ge=1)
    mass: Annotated[tuple[float, float], Field(json_schema_extra={"x-range": [0, 200], "x-unit": "GeV"})] = (60, 120)
    note: str = Field("", max_length=20)
    run: int = Field(1, ge=0, le=5)
    weights: list[float] = []
    limit: float | None = None


def shown(schema: dict) -> None:
    """Show the form and what came out of it."""
    import streamlit as st
    from openbeam_portal.form import form

    st.session_state["values"] = form(schema)


def app(schema: dict[str, Any] | None = None, **query: Any) -> AppTest:
    """Return the form, run once."""
    at = AppTest.from_function(shown, kwargs={"schema": schema or Params.model_json_schema()}, default_timeout=20)
    at.query_params.update(query)
    at.run()
    assert not at.exception
    return at


@pytest.fixture(scope="module")
def untouched() -> AppTest:
    """Give the form as it is at first."""
    return app()


def test_each_kind_of_parameter_has_its_widget_and_its_default(untouched: AppTest) -> None:
    at = untouched
    assert at.session_state["values"] == {
        "charge": "same",
        "window": "Z",
        "long_names": "both global",
        "isolated": True,
        "min_pt": 3.0,
        "bins": 60,
        "events": 1000,
        "mass": [60.0, 120.0],
        "note": "",
        "run": 1,
    }
    assert at.segmented_control(key="charge").value == "same"
    assert [box.key for box in at.selectbox] == ["window", "long_names"]
    assert at.toggle(key="isolated").value is True
    assert [slider.key for slider in at.slider] == ["min_pt", "bins", "mass", "p_run"]
    assert [number.key for number in at.number_input] == ["events", "limit"]
    assert at.text_input(key="note").value == ""


def test_a_slider_says_unit_and_bounds(untouched: AppTest) -> None:
    slider = untouched.slider(key="min_pt")
    assert (slider.label, slider.min, slider.max, slider.step) == ("Lowest momentum [GeV]", 0.0, 50.0, 0.5)


def test_numbers_keep_the_type_of_the_schema() -> None:
    at = app()
    at.slider(key="bins").set_value(100).run()
    at.slider(key="min_pt").set_value(10.0).run()
    values = at.session_state["values"]
    assert (values["bins"], values["min_pt"]) == (100, 10.0)
    assert isinstance(values["bins"], int)
    assert isinstance(values["min_pt"], float)


def test_what_no_widget_can_show_keeps_its_default_and_says_so(untouched: AppTest) -> None:
    assert "weights" not in untouched.session_state["values"]
    assert any("weights" in caption.value.lower() for caption in untouched.caption)


def test_the_address_sets_the_widgets() -> None:
    at = app(min_pt="10.5", charge="both", window="J/psi", isolated="false", mass=["70.0", "110.0"], p_run="4")
    values = at.session_state["values"]
    assert {name: values[name] for name in ("min_pt", "charge", "window", "isolated", "mass", "run")} == {
        "min_pt": 10.5,
        "charge": "both",
        "window": "J/psi",
        "isolated": False,
        "mass": [70.0, 110.0],
        "run": 4,
    }


@pytest.mark.parametrize(
    "nonsense", [{"bins": "99999", "charge": "none", "mass": ["9"]}, {"bins": "many", "charge": "", "mass": ["b", "a"]}]
)
def test_nonsense_in_the_address_never_leaves_the_bounds(nonsense: dict[str, Any]) -> None:
    values = app(**nonsense).session_state["values"]
    assert 10 <= values["bins"] <= 200
    assert values["charge"] in {"opposite", "same", "both"}
    assert 0 <= values["mass"][0] <= values["mass"][1] <= 200


def test_an_optional_number_may_stay_empty() -> None:
    at = app()
    assert at.number_input(key="limit").value is None
    at.number_input(key="limit").set_value(2.5).run()
    assert at.session_state["values"]["limit"] == 2.5


def test_a_parameter_without_default_starts_at_its_lowest() -> None:
    schema = {"properties": {"n": {"type": "integer", "minimum": 3, "maximum": 9}, "x": {"type": "number"}}}
    assert app(schema).session_state["values"] == {"n": 3, "x": 0.0}


def test_a_default_outside_its_bounds_is_moved_inside() -> None:
    schema = {"properties": {"n": {"type": "integer", "minimum": 3, "maximum": 9, "default": 77}}}
    assert app(schema).session_state["values"] == {"n": 9}


def test_a_schema_without_parameters_is_an_empty_form() -> None:
    assert app({"type": "object"}).session_state["values"] == {}


def test_names_of_the_pages_own_address_are_set_apart() -> None:
    assert key_of("run") == "p_run"
    assert key_of("dataset") == "p_dataset"
    assert key_of("min_pt") == "min_pt"


def test_titles_are_those_of_the_form() -> None:
    schema = Params.model_json_schema()
    assert title_of(schema, "min_pt") == "Lowest momentum"
    assert title_of(schema, "unheard") == "unheard"


def test_references_and_steps_are_resolved() -> None:
    schema = {
        "properties": {
            "a": {"$ref": "#/$defs/Word", "default": "b"},
            "x": {"type": "number", "exclusiveMinimum": 0, "maximum": 3, "x-step": 0.5},
            "n": {"type": "integer", "exclusiveMinimum": 0, "exclusiveMaximum": 10},
            "wide": {"type": "number", "minimum": 0, "maximum": 7},
        },
        "$defs": {"Word": {"enum": ["a", "b"], "title": "Word", "type": "string"}},
    }
    word, x, n, wide = fields_of(schema)
    assert (word.choices, word.default, word.title) == (("a", "b"), "b", "Word")
    assert (x.low, x.high) == (0.5, 3)
    assert (n.low, n.high, n.step) == (1, 9, 1)
    assert wide.step == pytest.approx(0.1)


def test_a_schema_that_points_at_itself_ends() -> None:
    loop = {"properties": {"a": {"$ref": "#/$defs/A"}}, "$defs": {"A": {"$ref": "#/$defs/A"}}}
    assert [field.name for field in fields_of(loop)] == ["a"]
