"""A histogram as lines of text: one row a bin, or a few bins a row where the terminal is short."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import hist
import numpy as np
from histoprint.formatter import BinFormatter
from rich.console import Console
from rich.text import Text

from openbeam.cli.screen import plain

__all__ = ["bins_a_row", "can_write", "counted", "draw", "edge_labels", "most_rows"]

_WIDEST = 100
_FEWEST_ROWS = 15
_MOST_ROWS = 40
# Lines that stand around a figure: its two headings, the edges' flow, the account, the prompt.
_AROUND = 8
_LONGEST_LABEL = 24
_MOST_DECIMALS = 7
# The tallest bin against the median one, from where a linear scale shows nothing but the tallest.
_LARGE_SPREAD = 100.0
_FEWEST_POSITIVE = 5


@dataclass(frozen=True)
class _Rows:
    """What is drawn: a label at the start of each row, and its content."""

    labels: list[str]
    values: np.ndarray[Any, Any]
    last_edge: str
    together: int
    """Bins a row."""


def draw(console: Console, name: str, histogram: hist.Hist[Any], *, simulated: bool = False) -> None:
    """Print a one-dimensional histogram as wide as the terminal; of others, say why not."""
    if histogram.ndim != 1:
        console.print(Text(f"{plain(name)} has {histogram.ndim} axes: too many for a terminal. --json prints it."))
        return
    rows = _rows(histogram, most_rows(console))
    is_log = _is_widespread(rows.values)
    console.print(_heading(name, histogram, rows, is_log=is_log, simulated=simulated))
    ascii_only = not can_write(console, _BLOCK + _TICK)
    for start, bar, number in _lines(rows, min(console.size.width, _WIDEST), is_log=is_log):
        text = Text.assemble(start, (bar, "cyan"), number)
        text.plain = text.plain.translate(_ASCII) if ascii_only else text.plain
        console.print(text, no_wrap=True, crop=True)
    flow = _flow(histogram)
    if flow:
        console.print(Text(flow, style="dim"))


_TICK = "│"
_BLOCK = "█"
_ASCII = str.maketrans({_BLOCK: "#", _TICK: "|"})


def most_rows(console: Console, around: int = _AROUND) -> int:
    """Return how many rows fit on the terminal, with as many lines ``around`` them."""
    return max(_FEWEST_ROWS, min(_MOST_ROWS, console.size.height - around))


def can_write(console: Console, text: str) -> bool:
    """Tell whether the terminal has these letters."""
    try:
        text.encode(console.encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


# ------------------------------------------------------------------------------------------------ rows
def _rows(histogram: hist.Hist[Any], limit: int) -> _Rows:
    axis = histogram.axes[0]
    values = np.asarray(histogram.values(), dtype=float)
    if isinstance(axis, hist.axis.StrCategory | hist.axis.IntCategory | hist.axis.Boolean):
        labels = [plain(value)[:_LONGEST_LABEL] for value in axis]
        return _Rows(labels, values, "", 1)
    # Contents add up; means do not.
    together = 1 if histogram.kind == "MEAN" else bins_a_row(len(values), limit)
    starts = np.arange(0, len(values), together)
    *labels, last = edge_labels(np.append(axis.edges[starts], axis.edges[-1]))
    if isinstance(axis, hist.axis.Integer) and together == 1:
        last = ""
    return _Rows(labels, np.add.reduceat(values, starts), last, together)


def bins_a_row(bins: int, limit: int) -> int:
    """Return how many bins share a row, so that there are ``limit`` rows or fewer."""
    least = math.ceil(bins / limit)
    # Equal rows are worth a shorter figure, though not a much shorter one.
    equal = (count for count in range(least, 2 * least) if bins % count == 0)
    return next(equal, least)


def edge_labels(edges: np.ndarray[Any, Any]) -> list[str]:
    """Return the edges with as many decimals as it takes to tell where a bin begins."""
    tolerance = float(np.min(np.diff(edges))) / 20
    for decimals in range(_MOST_DECIMALS):
        labels = [f"{edge:.{decimals}f}" for edge in edges]
        if max(len(label) for label in labels) > _LONGEST_LABEL:
            break
        if all(abs(float(label) - edge) <= tolerance for label, edge in zip(labels, edges, strict=True)):
            return labels
    return [f"{edge:.6g}" for edge in edges]


def _is_widespread(values: np.ndarray[Any, Any]) -> bool:
    positive = values[values > 0]
    return len(positive) >= _FEWEST_POSITIVE and float(values.max() / np.median(positive)) > _LARGE_SPREAD


# ------------------------------------------------------------------------------------------------ text
def _heading(name: str, histogram: hist.Hist[Any], rows: _Rows, *, is_log: bool, simulated: bool) -> Text:
    axis = histogram.axes[0]
    remarks = [plain(histogram.label or "")]
    if rows.together > 1:
        remarks.append(f"{len(axis)} bins drawn {rows.together} a row")
    if is_log:
        remarks.append("log scale")
    if simulated:
        remarks.append("simulated")
    rest = ", ".join(remark for remark in remarks if remark)
    text = Text.assemble((plain(name), "bold"), "  ", plain(axis.label))
    return text.append(f"\n{rest}", style="dim") if rest else text


def counted(value: float) -> str:
    """Return a bin's content as a person writes it."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.4g}"


def _lengths(values: np.ndarray[Any, Any], room: int, *, is_log: bool) -> list[int]:
    heights = np.log1p(np.clip(values, 0, None)) if is_log else np.clip(values, 0, None)
    highest = float(heights.max(initial=0.0))
    return [round(room * float(height) / highest) if highest else 0 for height in heights]


def _lines(rows: _Rows, width: int, *, is_log: bool) -> Iterator[tuple[str, str, str]]:
    """Yield the start of each row, its bar and its number."""
    numbers = [counted(float(value)) for value in rows.values]
    label_width = max((len(label) for label in [*rows.labels, rows.last_edge]), default=0)
    room = max(10, width - label_width - 3 - max((len(number) for number in numbers), default=0))
    bars = BinFormatter(tick_mark="", tick_format="{}", count_area=False, symbols=" ", fg_colors="0", use_color=False)
    lengths = _lengths(rows.values, room, is_log=is_log)
    for label, length, number in zip(rows.labels, lengths, numbers, strict=True):
        yield f"{label:>{label_width}} {_TICK}", bars.format_bin("", "", [length]).rstrip(), f" {number}"
    if rows.last_edge:
        yield f"{rows.last_edge:>{label_width}} {_TICK}", "", ""


def _flow(histogram: hist.Hist[Any]) -> str:
    """Return the line that says what fell outside the axis, when something did."""
    traits = histogram.axes[0].traits
    content = np.asarray(histogram.values(flow=True), dtype=float)
    outside: Sequence[tuple[bool, int, str]] = (
        (traits.underflow, 0, "below"),
        (traits.overflow and not traits.circular, -1, "above" if traits.ordered else "in other categories"),
    )
    found = [f"{counted(float(content[at]))} {where}" for is_kept, at, where in outside if is_kept and content[at]]
    return f"not drawn: {', '.join(found)}" if found else ""
