"""The final figure as a PNG, in the style of its experiment. Runs in a process of its own (see ``press``)."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any, Final, cast

import hist
import matplotlib as mpl
import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from openbeam import figures
from openbeam.figures import BLUE, printable
from openbeam.histograms import from_uhi, to_uhi

from openbeam_portal.figure.marks import marks_of
from openbeam_portal.figure.picture import Picture

__all__ = ["draw", "rehearse"]

_PALE: Final = LinearSegmentedColormap.from_list("openbeam", ["#e4edfb", "#6ea3e8", BLUE, "#0a2550"])

# Above this, error bars are clutter and bins speak for themselves.
_FEW_BINS: Final = 120
# A log axis is for contents that spread this far (tallest over the lower quartile), in at least so many bins.
_WIDE_SPREAD: Final = 150
_ENOUGH_BINS: Final = 8
_LOG_FLOOR: Final = 0.5
Histogram = hist.Hist[Any]


def draw(picture: Picture) -> bytes:
    """Return the PNG (1,600 by 1,216 pixels) of a histogram on one or two axes.

    Raises
    ------
    ResultRefused
        When ``picture.uhi`` is not a histogram.
    ValueError
        When it has more than two axes.

    """
    histogram = from_uhi(picture.uhi)
    if histogram.ndim not in _KINDS:
        raise ValueError(f"A histogram on {histogram.ndim} axes has no picture.")
    with mpl.rc_context(cast("Any", figures.style(picture.experiment))):
        figure = Figure(figsize=figures.SIZE, dpi=figures.DPI)
        axes = figure.add_axes((0.125, 0.205, 0.84, 0.715))
        _KINDS[histogram.ndim](axes, histogram, picture)
        figures.header(axes, picture.experiment, picture.kind, picture.collision)
        figures.notice(axes, picture.notice)
        figures.provenance(figure, picture.provenance)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata=dict(picture.metadata))
    return buffer.getvalue()


def rehearse() -> None:
    """Draw something and throw it away: the first figure of a process finds the fonts, which takes seconds."""
    sample: Histogram = hist.Hist(hist.axis.Regular(2, 1, 100, name="x", label="$p_T$ [GeV]"), name="x").fill(
        [10.0, 20.0]
    )
    draw(Picture(to_uhi(sample), "CMS", "Open Data", notice="-", provenance=("-",)))


def _draw_line(axes: Axes, histogram: Histogram, picture: Picture) -> None:
    axis = histogram.axes[0]
    if not isinstance(axis, hist.axis.Regular | hist.axis.Variable | hist.axis.Integer):
        _draw_names(axes, histogram, picture)
        return
    _draw_steps(axes, histogram)
    axes.set_xlim(axis.edges[0], axis.edges[-1])
    if _is_log(axis):
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter("{x:g}")
    _scale_counts(axes, histogram, crowded=bool(picture.notice))
    _set_marks(axes, histogram)
    axes.set_xlabel(printable(axis.label or axis.name))
    axes.set_ylabel(printable(str(histogram.label or picture.count)))


def _draw_steps(axes: Axes, histogram: Histogram) -> None:
    mean = histogram.kind == "MEAN"
    few = histogram.axes[0].size <= _FEW_BINS
    if not mean:
        pale = {"color": BLUE, "alpha": 0.22, "linewidth": 0}
        mplhep.histplot(histogram, ax=axes, histtype="fill", flow="none", **pale)
        mplhep.histplot(histogram, ax=axes, histtype="step", yerr=False, flow="none", color=BLUE, linewidth=1.6)
    if few or mean:
        filled = histogram.values() != 0
        centers = histogram.axes[0].centers[filled]
        errors = _errors(histogram)[filled]
        points: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": 4.5, "elinewidth": 1.4}
        axes.errorbar(centers, histogram.values()[filled], errors, **points)


def _draw_names(axes: Axes, histogram: Histogram, picture: Picture) -> None:
    names = [str(name) for name in histogram.axes[0]]
    values = histogram.values()
    places = np.arange(len(names))
    axes.barh(places, values, height=0.62, color=BLUE, alpha=0.8)
    axes.set_yticks(places, [printable(name) for name in names])
    axes.tick_params(axis="y", which="both", left=False, right=False)
    axes.minorticks_on()
    axes.tick_params(axis="y", which="minor", left=False, right=False)
    axes.set_ylim(len(names) - 0.4, -0.6 - (0.6 if picture.notice else 0))
    axes.set_xlim(0, max(float(values.max(initial=0)) * 1.22, 1))
    for place, value in zip(places, values, strict=True):
        axes.annotate(
            f"{value:,.6g}", (value, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=17
        )
    axes.set_xlabel(printable(str(histogram.label or picture.count)))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.xaxis.set_major_formatter("{x:,.6g}")
    longest = max((len(name) for name in names), default=0)
    left = min(0.4, 0.05 + 0.0125 * longest)
    axes.set_position((left, 0.205, 0.965 - left, 0.715))


def _draw_map(axes: Axes, histogram: Histogram, picture: Picture) -> None:
    values = np.ma.masked_less_equal(histogram.values(), 0)
    tallest = float(values.max()) if values.count() else 1.0
    norm = LogNorm(vmin=1, vmax=max(tallest, 10)) if _spread(values.compressed()) else Normalize(vmin=0, vmax=tallest)
    first, second = histogram.axes
    mesh = axes.pcolormesh(first.edges, second.edges, values.T, cmap=_PALE, norm=norm, rasterized=True)
    axes.set_position((0.125, 0.205, 0.72, 0.715))
    bar = axes.figure.colorbar(mesh, cax=axes.figure.add_axes((0.86, 0.205, 0.03, 0.715)))
    bar.set_label(printable(str(histogram.label or picture.count)))
    for name, axis in (("x", first), ("y", second)):
        axes.set(**{f"{name}label": printable(axis.label or axis.name)})
        if _is_log(axis):
            axes.set(**{f"{name}scale": "log"})


_KINDS: Final[dict[int, Callable[[Axes, Histogram, Picture], None]]] = {1: _draw_line, 2: _draw_map}


def _is_log(axis: Any) -> bool:
    return axis.edges[0] > 0 and (getattr(axis, "scale", "") == "log" or getattr(axis, "transform", None) is not None)


def _spread(values: np.ndarray[Any, Any]) -> bool:
    positive = np.sort(values[values > 0])
    if len(positive) < _ENOUGH_BINS or (values < 0).any():
        return False
    return bool(positive[-1] / positive[len(positive) // 4] > _WIDE_SPREAD)


def _errors(histogram: Histogram) -> np.ndarray[Any, Any]:
    """Return one standard deviation of each bin; 0 where it is not known."""
    variances = histogram.variances()
    return np.sqrt(np.nan_to_num(histogram.values() * 0.0 if variances is None else variances))


def _tops(histogram: Histogram) -> np.ndarray[Any, Any]:
    """Return how high each bin is drawn, with its error where errors are drawn."""
    values: np.ndarray[Any, Any] = histogram.values()
    return values + _errors(histogram) if len(values) <= _FEW_BINS else values


def _scale_counts(axes: Axes, histogram: Histogram, *, crowded: bool) -> None:
    values = histogram.values()
    if histogram.kind == "MEAN":
        return
    tallest = max(float(values.max(initial=0)), 1.0)
    if _is_log(histogram.axes[0]) or _spread(values):
        axes.set_yscale("log")
        axes.set_ylim(_LOG_FLOOR, tallest * (60 if crowded else 6))
    else:
        # Few events have long errors: they, and what is written at a peak, have to fit as well.
        top = max(tallest * (1.5 if crowded else 1.22), float(_tops(histogram).max(initial=0)) * 1.12)
        axes.set_ylim(min(0.0, float(values.min(initial=0)) * 1.1), top)


def _set_marks(axes: Axes, histogram: Histogram) -> None:
    axis = histogram.axes[0]
    tops = _tops(histogram)
    place: dict[str, Any] = {
        "xytext": (0, 7),
        "textcoords": "offset points",
        "ha": "center",
        "fontsize": 17,
        "style": "italic",
    }
    for at, label in marks_of(getattr(axis, "marks", ""), axis.edges[0], axis.edges[-1]):
        here = tops[max(0, axis.index(at) - 2) : axis.index(at) + 3]
        axes.annotate(printable(label), (at, max(float(here.max(initial=0)), _LOG_FLOOR)), **place)
