"""Histograms come back from the wire as they left, add up exactly, and hostile ones are refused at once."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import hist
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openbeam.errors import ResultRefused
from openbeam.histograms import add, from_uhi, to_uhi
from openbeam.models import MAX_HISTOGRAM_BINS

Histogram = hist.Hist[Any]

words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"]), max_size=12)
labels = st.fixed_dictionaries({"label": words.map(lambda word: f"x {word}")})
flows = st.fixed_dictionaries({"underflow": st.booleans(), "overflow": st.booleans()})
numbers = st.floats(-1e6, 1e6)


@st.composite
def regular(draw: st.DrawFn) -> Any:
    start = draw(numbers)
    stop = start + draw(st.floats(0.5, 1e6))
    return hist.axis.Regular(draw(st.integers(1, 6)), start, stop, **draw(flows), **draw(labels))


@st.composite
def logarithmic(draw: st.DrawFn) -> Any:
    start = draw(st.floats(1e-3, 1e3))
    stop = start * draw(st.floats(1.5, 1e5))
    return hist.axis.Regular(draw(st.integers(1, 6)), start, stop, transform=hist.axis.transform.log, **draw(labels))


@st.composite
def variable(draw: st.DrawFn) -> Any:
    edges = sorted(draw(st.lists(numbers, min_size=2, max_size=6, unique=True)))
    return hist.axis.Variable(edges, **draw(flows), **draw(labels))


@st.composite
def integer(draw: st.DrawFn) -> Any:
    start = draw(st.integers(-1000, 1000))
    return hist.axis.Integer(start, start + draw(st.integers(1, 6)), **draw(flows), **draw(labels))


def categories(values: st.SearchStrategy[Any], axis: Any) -> st.SearchStrategy[Any]:
    unique = st.lists(values, min_size=1, max_size=4, unique=True)
    return st.builds(lambda found, more: axis(found, **more), unique, labels)


axes = st.one_of(
    regular(),
    logarithmic(),
    variable(),
    integer(),
    categories(st.integers(-1000, 1000), hist.axis.IntCategory),
    categories(words, hist.axis.StrCategory),
    st.builds(lambda more: hist.axis.Boolean(**more), labels),
)
storages = st.sampled_from([hist.storage.Double, hist.storage.Int64, hist.storage.Weight])


@st.composite
def twins(draw: st.DrawFn) -> tuple[Histogram, Histogram]:
    """Two histograms of the same axes, with any contents."""
    storage = draw(storages)
    left: Histogram = hist.Hist(*draw(st.lists(axes, min_size=1, max_size=3)), storage=storage(), label=draw(words))
    right = left.copy()
    whole = st.integers(-(2**40), 2**40)
    bins = whole if storage is hist.storage.Int64 else st.floats(-1e100, 1e100)
    for histogram in (left, right):
        view: Any = histogram.view(flow=True)
        fields = ("value", "variance") if storage is hist.storage.Weight else (None,)
        for name in fields:
            target = view if name is None else view[name]
            drawn = draw(st.lists(bins, min_size=1, max_size=5))
            target[...] = np.resize(np.asarray(drawn), target.shape)
    return left, right


def _through_wire(histogram: Histogram) -> Histogram:
    return from_uhi(json.loads(json.dumps(to_uhi(histogram), allow_nan=False)))


def _content(histogram: Histogram) -> Any:
    return np.asarray(histogram.view(flow=True))


@given(pair=twins())
@settings(max_examples=80, deadline=None)
def test_a_histogram_comes_back_as_it_left(pair: tuple[Histogram, Histogram]) -> None:
    left, _ = pair
    back = _through_wire(left)
    assert back == left
    assert back.storage_type is left.storage_type
    assert [axis.label for axis in back.axes] == [axis.label for axis in left.axes]
    assert to_uhi(back) == to_uhi(left)


@given(pair=twins())
@settings(max_examples=80, deadline=None)
def test_sums_are_exact_and_do_not_mind_the_order(pair: tuple[Histogram, Histogram]) -> None:
    left, right = pair
    total = add(_through_wire(left), _through_wire(right))
    np.testing.assert_array_equal(_content(total), _content(left + right))
    np.testing.assert_array_equal(_content(total), _content(add(_through_wire(right), _through_wire(left))))
    # A running sum crosses the wire many times more often than the chunk that joins it.
    add(_through_wire(_through_wire(total)), _through_wire(right))


def test_a_sum_starts_with_nothing() -> None:
    only: Histogram = hist.Hist(hist.axis.Regular(3, 0, 1))
    assert add(None, only) == only


def _book(**axis: Any) -> Histogram:
    settings: dict[str, Any] = {"bins": 3, "start": 0, "stop": 1, **axis}
    return hist.Hist(hist.axis.Regular(**settings))


@pytest.mark.parametrize(
    "other",
    [
        _book(bins=4),
        _book(stop=2),
        _book(label="Mass [GeV]"),
        _book(overflow=False),
        hist.Hist(hist.axis.Regular(3, 0, 1), storage=hist.storage.Weight()),
        hist.Hist(hist.axis.Regular(3, 0, 1), hist.axis.Boolean()),
        hist.Hist(hist.axis.StrCategory(["a"])),
    ],
)
def test_other_axes_do_not_add(other: Histogram) -> None:
    with pytest.raises(ResultRefused, match="same axes"):
        add(_book(), other)


def test_axes_say_how_they_want_to_be_drawn() -> None:
    booked: Histogram = hist.Hist(
        hist.axis.Regular(3, 1, 10, name="mass", label="Mass [GeV]"), name="m", label="Events"
    )
    booked.axes[0].scale = "log"
    back = _through_wire(booked)
    assert (back.name, back.label, back.axes[0].name, back.axes[0].scale) == ("m", "Events", "mass", "log")


def test_means_survive_bins_of_one_entry() -> None:
    profile: Histogram = hist.Hist(hist.axis.Regular(3, 0, 3), storage=hist.storage.Mean())
    profile.fill([0.5, 1.5, 1.5], sample=[1.0, 2.0, 4.0])
    total = add(_through_wire(profile), _through_wire(profile))
    assert total.counts().tolist() == [2, 4, 0]
    assert total.values()[:2].tolist() == [1.0, 3.0]


# ------------------------------------------------------------------------------------------------ refused
def test_too_many_bins_do_not_leave() -> None:
    side = int(MAX_HISTOGRAM_BINS**0.5) + 1
    wide: Histogram = hist.Hist(hist.axis.Regular(side, 0, 1), hist.axis.Regular(side, 0, 1))
    with pytest.raises(ResultRefused, match="Use fewer bins") as caught:
        to_uhi(wide)
    assert caught.value.details == {"bins": (side + 2) ** 2, "limit": MAX_HISTOGRAM_BINS}


@pytest.mark.parametrize("weight", [float("nan"), float("inf")])
def test_bins_that_are_not_numbers_do_not_leave(weight: float) -> None:
    with pytest.raises(ResultRefused, match="not a finite number"):
        to_uhi(hist.Hist(hist.axis.Regular(3, 0, 1)).fill([0.5], weight=weight))


def test_metadata_that_is_not_plain_does_not_leave() -> None:
    with pytest.raises(ResultRefused, match="metadata"):
        to_uhi(hist.Hist(hist.axis.Regular(3, 0, 1, metadata={"nested": [1]})))
    with pytest.raises(ResultRefused, match="cannot travel"):
        to_uhi(hist.Hist(hist.axis.Regular(3, 0, 1, metadata=object())))


def _good() -> dict[str, Any]:
    return to_uhi(hist.Hist(hist.axis.Regular(3, 0, 1), hist.axis.StrCategory(["a", "b"])))


def _deep(levels: int) -> Any:
    nested: Any = 1
    for _ in range(levels):
        nested = [nested]
    return nested


_LOG = {"boost-histogram": {"transform": "log", "bins": 10**9, "lower": 1.0, "upper": 2.0}}
_EDGES = {"type": "variable", "edges": [1.0, 2.0], "underflow": True, "overflow": True, "circular": False}

HOSTILE: dict[str, tuple[tuple[Any, ...], Any]] = {
    "bins without end": (("axes", 0, "bins"), 10**12),
    "bins beyond any integer": (("axes", 0, "bins"), 10**400),
    "no bins": (("axes", 0, "bins"), 0),
    "bins as text": (("axes", 0, "bins"), "3"),
    "bins as truth": (("axes", 0, "bins"), True),
    "many bins": (("axes", 0, "bins"), 10**6),
    "an edge at infinity": (("axes", 0, "upper"), float("inf")),
    "no width": (("axes", 0, "upper"), 0.0),
    "many categories": (("axes", 1, "categories"), ["a"] * 300_000),
    "long category": (("axes", 1, "categories"), ["a" * 5_000, "b"]),
    "twice the same category": (("axes", 1, "categories"), ["a", "a"]),
    "no axes": (("axes",), []),
    "many axes": (("axes",), [{"type": "boolean"}] * 33),
    "unknown axis": (("axes", 0, "type"), "spiral"),
    "hidden bins": (("axes", 0), {**_EDGES, "writer_info": _LOG}),
    "falling edges": (("axes", 0), {**_EDGES, "edges": [3.0, 2.0, 1.0, 0.0]}),
    "unknown field": (("surprise",), 1),
    "another schema": (("uhi_schema",), 2),
    "deep metadata": (("metadata", "deep"), _deep(500)),
    "much metadata": (("metadata",), {f"k{number}": number for number in range(1_000)}),
    "long metadata": (("axes", 0, "metadata", "label"), "x" * 100_000),
    "a method of the histogram": (("metadata", "values"), "x"),
    "a method of the axis": (("axes", 0, "metadata", "index"), "x"),
    "a private attribute": (("axes", 0, "metadata", "__class__"), "x"),
    "data elsewhere": (("storage", "values"), "/etc/passwd"),
    "data of other lengths": (("storage", "values"), [[0.0] * 3] * 4),
    "ragged data": (("storage", "values"), [[0.0] * 3, [0.0] * 3, [0.0] * 3, [0.0] * 2, [0.0] * 3]),
    "deep data": (("storage", "values"), [[_deep(500)] * 3] * 5),
    "data of text": (("storage", "values"), [["0"] * 3] * 5),
    "data of nothing": (("storage", "values"), [[None] * 3] * 5),
    "data of huge numbers": (("storage", "values"), [[10**400] * 3] * 5),
    "data with NaN": (("storage", "values"), [[float("nan")] * 3] * 5),
    "no storage": (("storage",), {"type": "double"}),
    "unknown storage": (("storage", "type"), "unlimited"),
    "whole numbers with fractions": (("storage",), {"type": "int", "values": [[0.5] * 3] * 5}),
    "a storage with too much": (("storage", "variances"), [[0.0] * 3] * 5),
    "a storage with too little": (("storage", "type"), "weighted"),
    "sparse data": (("storage", "index"), [[0], [0]]),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_histograms_are_refused_at_once(what: str) -> None:
    data = copy.deepcopy(_good())
    (*path, last), value = HOSTILE[what]
    target: Any = data
    for step in path:
        target = target.setdefault(step, {}) if isinstance(target, dict) else target[step]
    target[last] = value
    began = time.perf_counter()
    with pytest.raises(ResultRefused) as caught:
        from_uhi(data)
    assert time.perf_counter() - began < 1.0
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("data", [{}, {"uhi_schema": 1}, [], None, "text", 7])
def test_what_is_no_histogram_is_refused(data: Any) -> None:
    with pytest.raises(ResultRefused, match="not a histogram"):
        from_uhi(data)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=8,
)
PLACES: list[tuple[Any, ...]] = [
    ("axes",), ("axes", 0), ("axes", 0, "bins"), ("axes", 0, "lower"), ("axes", 0, "metadata"),
    ("axes", 0, "writer_info"), ("axes", 1, "categories"), ("axes", 1, "flow"), ("storage",), ("storage", "values"),
    ("storage", "type"), ("metadata",), ("writer_info",),
]  # fmt: skip


@given(place=st.sampled_from(PLACES), value=json_values)
@settings(max_examples=200, deadline=None)
def test_any_json_in_any_place_is_a_histogram_or_refused(place: tuple[Any, ...], value: Any) -> None:
    data = copy.deepcopy(_good())
    *path, last = place
    target: Any = data
    for step in path:
        target = target[step]
    target[last] = value
    try:
        histogram = from_uhi(data)
    except ResultRefused:
        return
    to_uhi(histogram)
