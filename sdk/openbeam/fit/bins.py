"""What is fitted: the bins of a histogram that lie in the range."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import hist
import numpy as np

from openbeam.errors import InvalidInput
from openbeam.fit.shapes import Array

__all__ = ["Bins", "bins_of"]

_MOST_BINS: Final = 10_000
_FEWEST_ENTRIES: Final = 20
_UNIT: Final = re.compile(r"[\[(][^\[\]()]*?([kMGT]?eV)")
# A bin's edge that misses the end of the range by so much of its width is in it.
_CLOSE: Final = 1e-6


@dataclass(frozen=True)
class Bins:
    """Neighbouring bins."""

    name: str
    label: str
    """Of the axis."""
    unit: str
    """Of the axis: ``GeV``, ``MeV``, … or nothing when its label does not say."""
    edges: Array
    values: Array
    variances: Array
    weighted: bool

    @property
    def entries(self) -> float:
        """Sum of all bins."""
        return float(self.values.sum())

    @property
    def scale(self) -> Array:
        """Counts that a unit of each bin stands for: 1 where entries were counted.

        Where they were weighted, sum of weights over sum of their squares, by which a bin becomes a number of Poisson's
        with the right mean and variance (G. Bohm, G. Zech, NIM A 748 (2014) 1, doi:10.1016/j.nima.2014.02.021); for an
        empty bin the mean of the others.
        """
        if not self.weighted:
            return np.ones(len(self.values))
        mean = self.entries / float(self.variances.sum())
        known = (self.values > 0) & (self.variances > 0)
        return np.where(known, self.values, mean) / np.where(known, self.variances, 1.0)


def bins_of(histogram: hist.BaseHist[Any], within: tuple[float, float] | None = None) -> Bins:
    """Return the bins of a histogram that lie wholly within a range (all, without one).

    Raises
    ------
    InvalidInput
        When it is no histogram of entries on one axis of numbers, has negative bins or weights without their
        uncertainties, or when the range holds too few entries, or too many bins.

    """
    axis = _axis(histogram)
    values, variances, weighted = _contents(histogram)
    edges = np.asarray(axis.edges, dtype=float)
    first, last = _window(edges, within)
    chosen = slice(first, last)
    label = str(axis.label or axis.name)
    bins = Bins(
        name=str(histogram.name or ""),
        label=label,
        unit=unit_of(label),
        edges=edges[first : last + 1],
        values=values[chosen],
        variances=variances[chosen],
        weighted=weighted,
    )
    _check(bins)
    return bins


def unit_of(label: str) -> str:
    """Return the unit of energy in a label's last brackets, or nothing."""
    found = _UNIT.findall(label)
    return found[-1] if found else ""


def _axis(histogram: hist.BaseHist[Any]) -> Any:
    if histogram.ndim != 1:
        raise InvalidInput(
            f"A fit needs a histogram on one axis; this one has {histogram.ndim}. Sum over the others first.",
            axes=histogram.ndim,
        )
    axis = histogram.axes[0]
    if not isinstance(axis, hist.axis.Regular | hist.axis.Variable | hist.axis.Integer):
        raise InvalidInput("A fit needs an axis of numbers; this histogram counts by name. Choose another histogram.")
    return axis


def _contents(histogram: hist.BaseHist[Any]) -> tuple[Array, Array, bool]:
    """Return contents, variances, and whether entries were weighted."""
    if histogram.kind != "COUNT":
        raise InvalidInput("A fit needs a histogram of entries; this one holds means. Choose another histogram.")
    values = np.asarray(histogram.values(), dtype=float)
    if (values < 0).any():
        raise InvalidInput("A bin is negative, which no number of entries is. Choose a histogram of entries.")
    weighted = histogram.storage_type is hist.storage.Weight
    if weighted:
        variances = np.asarray(histogram.variances(), dtype=float)
        return values, variances, not np.array_equal(values, variances)
    if (values != np.round(values)).any():
        raise InvalidInput(
            "The bins hold weights without their uncertainties. Book the histogram with storage=hist.storage.Weight()."
        )
    return values, values, False


def _window(edges: Array, within: tuple[float, float] | None) -> tuple[int, int]:
    """Return the first bin in the range, and the first one after it."""
    low, high = within or (float(edges[0]), float(edges[-1]))
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise InvalidInput(f"The range {low:g} to {high:g} is none. Write the smaller end first.", field="range")
    slack = _CLOSE * float(np.diff(edges).min())
    inside = np.flatnonzero((edges >= low - slack) & (edges <= high + slack))
    if len(inside) < 2:  # noqa: PLR2004 - a bin has two edges
        raise InvalidInput(
            f"No whole bin lies between {low:g} and {high:g}: the axis goes from {edges[0]:g} to {edges[-1]:g}.",
            field="range",
        )
    return int(inside[0]), int(inside[-1])


def _check(bins: Bins) -> None:
    low, high, count = bins.edges[0], bins.edges[-1], len(bins.values)
    if count > _MOST_BINS:
        raise InvalidInput(
            f"The range holds {count:,} bins; a fit takes {_MOST_BINS:,}. Choose a smaller range or wider bins.",
            field="range",
        )
    # The sum of weights over their squares is the number of entries that would be as certain.
    variance = float(bins.variances.sum())
    worth = bins.entries**2 / variance if variance > 0 else 0.0
    if worth < _FEWEST_ENTRIES:
        raise InvalidInput(
            f"Between {low:g} and {high:g} there are {worth:,.0f} entries, too few for a fit ({_FEWEST_ENTRIES} at "
            "least). Choose a larger range, or more data.",
            field="range",
        )
