"""``reference.json`` says how a number is read off a histogram, and is held to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hist
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openbeam.errors import InvalidInput
from openbeam_catalog.reference import Number, load_reference
from pydantic import TypeAdapter

EDGES = [0.0, 1.0, 2.0, 4.0, 8.0]
fillings = st.lists(st.sampled_from([-5.0, 0.5, 1.5, 3.0, 6.0, 100.0]), min_size=1, max_size=40)


def number(measure: str, **fields: Any) -> Number:
    told = {"what": "it", "histogram": "mass", "value": 1, "tolerance": 0, "source": "somebody", "measure": measure}
    read: Number = TypeAdapter(Number).validate_python(told | fields)
    return read


def filled(values: list[float]) -> hist.Hist[Any]:
    found = hist.Hist(hist.axis.Variable(EDGES, name="mass"), name="mass")
    found.fill(values)
    return found


def nobody(_: str) -> dict[str, Any]:
    raise AssertionError


@given(fillings)
def test_what_is_counted_is_what_was_filled(values: list[float]) -> None:
    found = filled(values)
    assert number("entries").read(found, nobody) == len(values)
    inside = [value for value in values if 1 <= value < 8]
    assert number("sum", range=[1, 8]).read(found, nobody) == len(inside)


@given(fillings.filter(lambda values: any(1 <= value < 8 for value in values)))
def test_centres_are_those_of_the_range_alone(values: list[float]) -> None:
    found, inside = filled(values), [value for value in values if 1 <= value < 8]
    # Every value that is filled here is the centre of its bin.
    assert number("mean", range=[1, 8]).read(found, nobody) == pytest.approx(np.mean(inside))
    highest = number("peak", range=[1, 8]).read(found, nobody)
    assert inside.count(highest) == max(inside.count(value) for value in inside)
    half = number("median", range=[1, 8]).read(found, nobody)
    below = sum(min(max((half - low) / (high - low), 0), 1) * inside.count((low + high) / 2) for low, high in BINS)
    assert below == pytest.approx(len(inside) / 2)


BINS = [(1.0, 2.0), (2.0, 4.0), (4.0, 8.0)]


@pytest.mark.parametrize("limits", [[1, 7], [0.5, 8], [8, 1], [2, 2], [-1, 8]])
def test_part_of_a_bin_is_not_counted(limits: list[float]) -> None:
    with pytest.raises(InvalidInput, match="not edges"):
        number("sum", range=limits).read(filled([1.5]), nobody)


def test_of_a_figure_with_two_axes_the_first_is_read() -> None:
    found = hist.Hist(hist.axis.Variable(EDGES, name="mass"), hist.axis.Regular(2, 0, 1, name="other"), name="mass")
    found.fill([0.5, 1.5, 1.5, 3], [0.1, 0.9, 5, -5])
    assert number("sum", range=[1, 4]).read(found, nobody) == 3
    assert number("peak", range=[0, 8]).read(found, nobody) == 1.5


def test_named_bins_and_their_ratio() -> None:
    found = hist.Hist(hist.axis.StrCategory(["all", "kept"], name="step"), name="cutflow")
    found[...] = [8, 6]
    assert number("bin", bin="kept").read(found, nobody) == 6
    assert number("ratio", bin="kept", over="all").read(found, nobody) == 0.75


def test_a_second_implementation_is_compared_bin_by_bin() -> None:
    found = filled([-1, 0.5, 3, 3, 9])
    theirs = {"same": [1, 1, 0, 2, 0, 1], "two": [0, 1, 0, 2, 1, 1], "short": [1, 1, 0, 2]}
    read = {
        name: number("same", check=name).read(found, lambda check: {"mass": np.array(theirs[check])}) for name in theirs
    }
    assert read == {"same": 0, "two": 2, "short": 6}


def test_agreement_is_within_the_tolerance() -> None:
    told = number("entries", value=10, tolerance=0.5)
    assert [told.agrees(found) for found in (9.4, 9.5, 10.5, 10.6, float("nan"))] == [False, True, True, False, False]


@pytest.mark.parametrize(
    "change",
    [{"events": [0]}, {"numbers": []}, {"numbers": [{"measure": "guess"}]}, {"evnts": [0, 1]}, {"dataset": "A B"}],
    ids=str,
)
def test_a_text_that_is_no_reference_names_its_folder(tmp_path: Path, change: dict[str, Any]) -> None:
    told = {"dataset": "some", "events": [0, 5], "numbers": [number("entries").model_dump()]}
    (tmp_path / "reference.json").write_text(json.dumps(told))
    assert load_reference(tmp_path).events == (0, 5)
    (tmp_path / "reference.json").write_text(json.dumps(told | change))
    with pytest.raises(InvalidInput, match=next(iter(change))) as caught:
        load_reference(tmp_path)
    assert caught.value.details == {"name": tmp_path.name}


def test_no_text_at_all(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="No such file"):
        load_reference(tmp_path)
