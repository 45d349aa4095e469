"""The figure of a fit: bins with the curve over them, and pulls below."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from openbeam import figures
from openbeam.fit.around import Around
from openbeam.fit.numbers import chance
from openbeam.fit.shapes import Array
from openbeam.models import SIMULATED_TITLE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from openbeam.fit.result import Fit

__all__ = ["draw"]

_CURVE: Final = "#c2410c"
_POINTS: Final = 600
# Above this, points and pulls are set finer.
_FEW_BINS: Final = 120
_LONGEST_PULL: Final = 5.0
_EQUAL: Final = 1e-6


def draw(fit: Fit, around: Around) -> Figure:
    """Return the figure, 1,600 by 1,216 pixels when saved as it is."""
    with mpl.rc_context(cast("Any", figures.style(around.experiment))):
        figure = Figure(figsize=figures.SIZE, dpi=figures.DPI)
        upper = figure.add_axes((0.125, 0.41, 0.84, 0.51))
        lower = figure.add_axes((0.125, 0.205, 0.84, 0.19), sharex=upper)
        _draw_bins(upper, fit, around)
        _draw_pulls(lower, fit)
        figures.header(upper, around.experiment, around.kind, around.collision)
        figures.notice(upper, around.notice)
        figures.provenance(figure, around.provenance)
    return figure


def _draw_bins(axes: Axes, fit: Fit, around: Around) -> None:
    bins = fit.bins
    size = 4.5 if len(bins.values) <= _FEW_BINS else 2.5
    filled = bins.values > 0
    points: dict[str, Any] = {"fmt": "o", "color": "black", "markersize": size, "elinewidth": 1.3}
    points["label"] = SIMULATED_TITLE if around.kind == SIMULATED_TITLE else "Data"
    axes.errorbar(_centers(bins.edges)[filled], bins.values[filled], np.sqrt(bins.variances[filled]), **points)
    _draw_curves(axes, fit)
    axes.set_xlim(bins.edges[0], bins.edges[-1])
    axes.set_ylim(0, float((bins.values + np.sqrt(bins.variances)).max()) * (1.5 if around.notice else 1.18))
    axes.tick_params(axis="x", labelbottom=False)
    axes.set_ylabel("Entries / bin")
    peak_is_left = fit["mean"].value < (bins.edges[0] + bins.edges[-1]) / 2
    side: tuple[float, str] = (0.965, "right") if peak_is_left else (0.035, "left")
    top = 0.84 if around.notice else 0.95
    place: dict[str, Any] = {"ha": side[1], "va": "top", "fontsize": 13.5, "linespacing": 1.4}
    axes.text(side[0], top, _numbers(fit), transform=axes.transAxes, **place)
    other = (0.01, top + 0.03) if peak_is_left else (0.99, top + 0.03)
    handles, labels = axes.get_legend_handles_labels()
    look: dict[str, Any] = {"fontsize": 15, "frameon": False, "bbox_to_anchor": other}
    # Points come first, whatever matplotlib thinks of first.
    axes.legend(handles[::-1], labels[::-1], loc="upper left" if peak_is_left else "upper right", **look)


def _draw_curves(axes: Axes, fit: Fit) -> None:
    """Draw the curve in entries a bin: smooth where all bins are as wide, else in steps."""
    edges = fit.bins.edges
    curves = {"Fit": (fit.model.expected, {"color": _CURVE, "linewidth": 2.0})}
    if fit.background != "none":
        below = {"color": figures.BLUE, "linewidth": 1.8, "linestyle": "--"}
        curves["Background"] = (fit.model.expected_background, below)
    widths = np.diff(edges)
    equal = bool(np.ptp(widths) < _EQUAL * widths.mean())
    fine = np.linspace(edges[0], edges[-1], _POINTS + 1)
    for label, (curve, look) in curves.items():
        if equal:
            entries = curve(fine, fit.values) * widths.mean() * _POINTS / (edges[-1] - edges[0])
            axes.plot(_centers(fine), entries, label=label, **cast("Any", look))
        else:
            axes.stairs(curve(edges, fit.values), edges, label=label, baseline=None, **cast("Any", look))


def _draw_pulls(axes: Axes, fit: Fit) -> None:
    edges, pulls = fit.bins.edges, fit.pulls
    for width in (2, 1):
        axes.axhspan(-width, width, color=figures.BLUE, alpha=0.09, linewidth=0)
    axes.axhline(0, color=_CURVE, linewidth=1.4)
    # What is beyond the axis is at its end, and no bar is lost.
    longest = min(max(3.5, float(np.abs(pulls).max()) * 1.1), _LONGEST_PULL)
    shown = np.clip(pulls, -longest, longest)
    axes.bar(_centers(edges), shown, np.diff(edges), color=figures.GREY, alpha=0.75, linewidth=0)
    axes.set_ylim(-longest, longest)
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True, prune="both"))
    axes.set_ylabel("Pull", loc="center")
    axes.set_xlabel(figures.printable(fit.bins.label))


def _numbers(fit: Fit) -> str:
    rows = [f"{_short(one.name)} = {one}" for one in fit.parameters if not one.name.startswith("b")]
    if fit.background != "none":
        rows.append(f"background = {fit.background_entries}")
    goodness = f"$\\chi^2$/ndf = {fit.chi2:.1f}/{fit.ndf},  p-value {chance(fit.p_value)}"
    return "\n".join([*rows, goodness, *_known(fit)])


def _known(fit: Fit) -> list[str]:
    if fit.comparison is None:
        return []
    particle = fit.comparison.particle
    return [f"{particle.name}, {particle.source}:", particle.quoted_mass()]


_SYMBOLS: Final = {"mean": r"$\mu$", "sigma": r"$\sigma$", "gamma": r"$\Gamma$", "alpha": r"$\alpha$", "n": "$n$"}


def _short(name: str) -> str:
    return _SYMBOLS.get(name, name)


def _centers(edges: Array) -> Array:
    return (edges[:-1] + edges[1:]) / 2
