"""How figures for print look: an experiment's style, what stands over the axes, and where it all is from.

Needs matplotlib and mplhep (``pip install 'openbeam[fit]'``).
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any, Final

import mplhep
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.mathtext import MathTextParser

__all__ = ["BLUE", "DPI", "GREY", "ORANGE", "SIZE", "header", "notice", "printable", "provenance", "style"]

BLUE: Final = "#1558c0"
ORANGE: Final = "#b45309"
GREY: Final = "#4b5563"
SIZE: Final = (10, 7.6)
"""Of a figure, in inches."""
DPI: Final = 160

# What fits below the axis.
_LINE_LETTERS: Final = 135
_MOST_LINES: Final = 4

_STYLES: Final[dict[str, Any]] = {
    "CMS": mplhep.style.CMS,
    "ATLAS": mplhep.style.ATLAS,
    "LHCb": mplhep.style.LHCb2,
    "ALICE": mplhep.style.ALICE,
}
# The styles differ in size for figures of their own size; these fit ours.
_SIZES: Final[dict[str, Any]] = {
    "font.size": 21,
    "axes.labelsize": 21,
    "axes.linewidth": 1.6,
    "xtick.labelsize": 18,
    "ytick.labelsize": 18,
    "xtick.major.size": 11,
    "xtick.minor.size": 5.5,
    "ytick.major.size": 11,
    "ytick.minor.size": 5.5,
    "xtick.top": True,
    "ytick.right": True,
    "xaxis.labellocation": "right",
    "yaxis.labellocation": "top",
    "axes.formatter.limits": (-3, 5),
    "axes.formatter.use_mathtext": True,
    "savefig.bbox": "standard",
    "figure.facecolor": "white",
    "axes.grid": False,
    "errorbar.capsize": 0,
}


def style(experiment: str) -> dict[str, Any]:
    """Return matplotlib's settings for a figure of an experiment, CMS' where it has none of its own."""
    chosen = _STYLES.get(experiment, mplhep.style.CMS)
    return {**chosen, **_SIZES, "font.family": _families(chosen)}


def _families(style: dict[str, Any]) -> list[str]:
    """Return the style's fonts, and at the end one that has the letters that they lack."""
    generic = str(np.atleast_1d(style.get("font.family", "sans-serif"))[0])
    return [*style.get(f"font.{generic}", [generic])[:1], "DejaVu Sans"]


def header(axes: Axes, experiment: str, kind: str, collision: str) -> None:
    """Write over the axes whose data they show, and of which collisions."""
    left = axes.text(0, 1.012, experiment, transform=axes.transAxes, va="bottom", weight="bold", fontsize=25)
    # The italics begin where the bold ends, whatever its length.
    axes.annotate(
        kind,
        (1 if experiment else 0, 0),
        xycoords=left,
        xytext=(7 if experiment else 0, 0),
        textcoords="offset points",
        va="bottom",
        style="italic",
        fontsize=20,
        annotation_clip=False,
    )
    axes.text(1, 1.012, collision, transform=axes.transAxes, va="bottom", ha="right", fontsize=20)


def notice(axes: Axes, text: str) -> None:
    """Write over the figure what is wrong with it, when something is."""
    if text:
        box: dict[str, Any] = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": ORANGE, "linewidth": 1.6}
        place: dict[str, Any] = {"ha": "center", "va": "top", "fontsize": 17, "color": ORANGE, "weight": "bold"}
        axes.text(0.5, 0.95, text, transform=axes.transAxes, bbox=box, **place)


def provenance(figure: Figure, texts: Sequence[str]) -> None:
    """Write below the figure how it was made."""
    lines = [line for text in texts for line in textwrap.wrap(text, _LINE_LETTERS)]
    for number, line in enumerate(reversed(lines[:_MOST_LINES])):
        figure.text(0.02, 0.018 + 0.026 * number, printable(line), fontsize=10.5, color=GREY, va="bottom")


def printable(text: str) -> str:
    """Return the text as matplotlib can set it: with its formulas when they are sound, else letter by letter."""
    if "$" not in text:
        return text
    try:
        MathTextParser("path").parse(text)
    except ValueError:
        return text.replace("$", r"\$")
    return text
