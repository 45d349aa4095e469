"""``reference.json``: the numbers that an analysis must reproduce, who says so, and how each is read off a histogram.

A number has a ``value`` with a ``tolerance``, and a ``source`` that is not the analysis itself. How it is measured:

============  ========================================================================================================
``entries``   all entries of a histogram, those beyond the ends of its axes included
``bin``       the content of the bin of that name
``sum``       the entries between two edges of bins; of a figure with two axes, along the first of them
``mean``      the mean of what lies in the range, each bin at its centre
``median``    the median of what lies in the range, as if spread evenly inside each bin
``peak``      the centre of the highest bin in the range
``ratio``     the content of one named bin over that of another
``same``      in how many bins (those beyond the ends included) a second implementation differs
============  ========================================================================================================
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import hist
import numpy as np
from openbeam.errors import InvalidInput
from openbeam.models import Name
from pydantic import BaseModel, ConfigDict, Field, ValidationError

__all__ = ["Number", "Reference", "Second", "load_reference"]

Histogram = hist.Hist[Any]
Values = np.ndarray[Any, Any]
Range = tuple[float, float]
Second = Callable[[str], Mapping[str, Values]]
"""From the name of a second implementation to its bins: histogram to values, those beyond the ends included."""


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Number(_Strict):
    what: Annotated[str, Field(min_length=1)]
    histogram: str
    value: float
    tolerance: Annotated[float, Field(ge=0)]
    source: Annotated[str, Field(min_length=1)]
    """Who says so: a record, a paper, another program."""
    params: dict[str, Any] = Field(default_factory=dict)
    """What the analysis is run with; what is left out is as the analysis has it."""

    def agrees(self, found: float) -> bool:
        """Say whether what was found is the value, within the tolerance."""
        return abs(found - self.value) <= self.tolerance


class Entries(_Number):
    """All entries of a histogram, those beyond the ends of its axes included."""

    measure: Literal["entries"]

    def read(self, histogram: Histogram, _: Second) -> float:
        """Return the number of entries."""
        return float(histogram.sum(flow=True))


class Bin(_Number):
    """The content of the bin of that name."""

    measure: Literal["bin"]
    bin: str

    def read(self, histogram: Histogram, _: Second) -> float:
        """Return the content."""
        return float(histogram[self.bin])


class Sum(_Number):
    """The entries between two edges of bins."""

    measure: Literal["sum"]
    range: Range

    def read(self, histogram: Histogram, _: Second) -> float:
        """Return the entries; the range begins and ends at edges, or it is refused."""
        return float(_between(histogram, self.range)[1].sum())


class Mean(_Number):
    """The mean of what lies in the range, each bin at its centre."""

    measure: Literal["mean"]
    range: Range

    def read(self, histogram: Histogram, _: Second) -> float:
        """Return the mean, in the units of the axis."""
        edges, values = _between(histogram, self.range)
        return float(np.average((edges[:-1] + edges[1:]) / 2, weights=values))


class Median(_Number):
    """The median of what lies in the range, as if spread evenly inside each bin."""

    measure: Literal["median"]
    range: Range

    def read(self, histogram: Histogram, _: Second) -> float:
        """Return the median, in the units of the axis."""
        edges, running = histogram.axes[0].edges, np.concatenate([[0], np.cumsum(_along_first(histogram))])
        first, last = np.interp(self.range, edges, running)
        return float(np.interp((first + last) / 2, running, edges))


class Peak(_Number):
    """The centre of the highest bin in the range."""

    measure: Literal["peak"]
    range: Range

    def read(self, histogram: Histogram, _: Second) -> float:
        """Return the centre, in the units of the axis."""
        edges, values = _between(histogram, self.range)
        highest = int(np.argmax(values))
        return float(edges[highest] + edges[highest + 1]) / 2


class Ratio(_Number):
    """The content of one named bin over that of another."""

    measure: Literal["ratio"]
    bin: str
    over: str

    def read(self, histogram: Histogram, _: Second) -> float:
        """Return the ratio."""
        return float(histogram[self.bin]) / float(histogram[self.over])


class Same(_Number):
    """In how many bins a second implementation differs."""

    measure: Literal["same"]
    check: Name
    """The second implementation's name."""

    def read(self, histogram: Histogram, second: Second) -> float:
        """Return the number of bins that differ; other axes are a miss in every bin."""
        ours, theirs = histogram.values(flow=True), second(self.check)[self.histogram]
        return float(np.sum(ours != theirs)) if ours.shape == theirs.shape else float(ours.size)


Number = Annotated[Entries | Bin | Sum | Mean | Median | Peak | Ratio | Same, Field(discriminator="measure")]


class Reference(_Strict):
    """``reference.json``: what an analysis gives on events that are at hand in a test."""

    dataset: Name
    events: tuple[int, int]
    """The range of events; of several files, counted through one after the other."""
    at_hand: str = ""
    """What stands in for the dataset's own events, when they are not at hand: ``simulated …``, or another form."""
    numbers: Annotated[list[Number], Field(min_length=1)]
    whole_file: dict[str, int | str] = Field(default_factory=dict)
    """Numbers of the whole dataset that somebody published, with their ``source``."""


def load_reference(folder: Path) -> Reference:
    """Return the reference of the analysis in that folder.

    Raises
    ------
    InvalidInput
        When there is none, or its text is not one; names the folder and the field.

    """
    try:
        return Reference.model_validate_json((folder / "reference.json").read_bytes())
    except (ValidationError, OSError) as error:
        raise InvalidInput(f"{folder.name}/reference.json is no reference: {error}", name=folder.name) from error


def _along_first(histogram: Histogram) -> Values:
    """Return the values along the first axis; what lies beyond the ends of the others counts."""
    values: Values = histogram.project(0).values()
    return values


def _between(histogram: Histogram, limits: Range) -> tuple[Values, Values]:
    """Return the edges and the values of the bins between two edges.

    Raises
    ------
    InvalidInput
        When a limit is no edge: part of a bin cannot be counted.

    """
    edges: Values = histogram.axes[0].edges
    first, last = (int(np.argmin(abs(edges - limit))) for limit in limits)
    if first >= last or not np.allclose(edges[[first, last]], limits):
        raise InvalidInput(f"{limits[0]:g} to {limits[1]:g} are not edges of bins of {histogram.name}.")
    return edges[first : last + 1], _along_first(histogram)[first:last]
