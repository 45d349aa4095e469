"""The analyses give the numbers that others got, wherever the events are cut and whatever the sliders say."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from itertools import pairwise
from typing import Any

import hist
import numpy as np
import pytest
from openbeam import histograms
from openbeam_catalog import catalog
from openbeam_catalog.reference import load_reference
from openbeam_datasets.record import load_record
from support.events import needs_opendata
from support.physics import compare
from support.runs import Runs

Histograms = dict[str, hist.Hist[Any]]
Run = Callable[..., Histograms]
Numbers = np.ndarray[Any, Any]

SPECS = {spec.name: spec for spec in catalog.load_catalog()}
REFERENCES = {name: load_reference(catalog.FOLDER / name) for name in SPECS}


def marks(name: str) -> list[pytest.MarkDecorator]:
    """Return the mark of an analysis whose events come from the folder of real events."""
    return [pytest.mark.opendata] if needs_opendata(load_record(SPECS[name].datasets[0])) else []


each = pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in SPECS])


def some(name: str, most: int) -> int:
    """Return how many events to run an analysis on: ``most``, where there are as many."""
    return min(most, REFERENCES[name].events[1])


def counts(histogram: hist.Hist[Any]) -> Numbers:
    found: Numbers = histogram.counts(flow=True)
    return found


@each
def test_the_numbers_of_reference(run: Run, name: str) -> None:
    reference = REFERENCES[name]
    assert reference.dataset == SPECS[name].datasets[0]
    row = compare(name, run)
    assert row.entries > 0
    assert [f"{line.number.what}: {line.found}, not {line.number.value}" for line in row.lines if not line.agrees] == []
    assert len(row.lines) == len(reference.numbers)


@each
def test_chunks_add_up_to_the_whole(run: Run, name: str) -> None:
    """Also chunks of a few events, and of none."""
    stop = some(name, 20_000)
    edges = [0, *(int(cut * stop) for cut in (0.013, 0.013, 0.4, 1.0)), stop]
    whole = run(name, 0, stop)
    parts = [run(name, *ends) for ends in pairwise(edges)]
    for key, histogram in whole.items():
        # Added as the gatherer does it: on the wire and back.
        wired = [histograms.from_uhi(histograms.to_uhi(part[key])) for part in parts]
        total = reduce(histograms.add, wired)
        assert np.array_equal(counts(total), counts(histogram)), key
        # A sum of counts is exact; a mean of means is so within rounding.
        assert np.allclose(total.values(flow=True), histogram.values(flow=True), rtol=1e-12, atol=1e-12), key


@each
def test_no_events_give_the_same_axes(run: Run, name: str) -> None:
    nothing, something = run(name, 5, 5), run(name, 0, some(name, 100))
    assert list(nothing) == list(something)
    for key, histogram in nothing.items():
        assert histogram.axes == something[key].axes
        assert counts(histogram).sum() == 0


@each
def test_every_figure_is_named_and_labelled(run: Run, name: str) -> None:
    for key, histogram in run(name, 0, some(name, 100)).items():
        assert histogram.name == key
        assert histogram.label
        assert all(axis.name and axis.label for axis in histogram.axes)


def ends(name: str) -> list[dict[str, Any]]:
    """Every slider at both its ends, every choice."""
    return [
        {field: value}
        for field, schema in SPECS[name].parameters["properties"].items()
        for value in schema.get("enum") or [schema["minimum"], schema["maximum"]]
    ]


@each
def test_every_slider_works_at_both_ends(run: Runs, name: str) -> None:
    settings = ends(name)
    for setting, found in zip(settings, run.all_of(name, 0, some(name, 2000), settings), strict=True):
        for histogram in found.values():
            assert np.all(counts(histogram) >= 0), setting
            assert histograms.to_uhi(histogram)["uhi_schema"] == 1, setting
