"""A fit as lines of text: bars, the curve's place in each row, and pulls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.text import Text

from openbeam.cli.figure import bins_a_row, can_write, counted, edge_labels, most_rows
from openbeam.cli.screen import plain
from openbeam.fit import Fit

__all__ = ["draw"]

_WIDEST: Final = 100
# Lines below the rows: parameters, chi square, remarks, the prompt.
_AROUND: Final = 18
_FAR: Final = 3.0
_UNICODE: Final = ("█", "│", "◆")
_ASCII: Final = ("#", "|", "o")

Array = np.ndarray[Any, Any]


def draw(console: Console, name: str, fit: Fit, *, simulated: bool = False) -> None:
    """Print the bins of a fit: where each row begins, its pull, a bar, the curve's place, its content."""
    together = bins_a_row(len(fit.bins.values), most_rows(console, _AROUND))
    bar, tick, mark = _UNICODE if can_write(console, "".join(_UNICODE)) else _ASCII
    remarks = [f"left: pulls, in standard deviations; {mark} is the curve"]
    remarks += [f"{len(fit.bins.values)} bins drawn {together} a row"] * (together > 1) + ["simulated"] * simulated
    heading = Text.assemble((plain(name), "bold"), "  ", plain(fit.bins.label))
    console.print(heading.append(f"\n{', '.join(remarks)}", style="dim"))
    for label, pull, length, at, content in _rows(fit, together, min(console.size.width, _WIDEST)):
        line = bar * length + " " * (at + 1 - length)
        pieces: list[Any] = [label, (f" {pull:+5.1f} ", "red" if abs(pull) > _FAR else "dim"), tick]
        pieces += [(line[:at], "cyan"), (mark, "bold yellow"), (line[at + 1 :], "cyan"), f" {content}"]
        console.print(Text.assemble(*pieces), no_wrap=True, crop=True)


def _rows(fit: Fit, together: int, width: int) -> Iterator[tuple[str, float, int, int, str]]:
    """Yield each row's first edge, its pull, its bar's length, the curve's place, and its content."""
    starts = np.arange(0, len(fit.bins.values), together)
    contents, curve = (np.add.reduceat(values, starts) for values in (fit.bins.values, fit.expected))
    # Bins of weights are as sure as their counts would be.
    spread = np.sqrt(np.add.reduceat(fit.expected / fit.bins.scale, starts))
    labels = edge_labels(fit.bins.edges[starts]) if len(starts) > 1 else [f"{fit.bins.edges[0]:g}"]
    numbers = [counted(float(value)) for value in contents]
    longest = max(len(label) for label in labels)
    room = max(10, width - longest - max(len(text) for text in numbers) - 12)
    unit = room / max(float(contents.max()), float(curve.max()))
    for row, label in enumerate(labels):
        length, at = round(float(contents[row]) * unit), min(room, round(float(curve[row]) * unit))
        pull = float((contents[row] - curve[row]) / spread[row])
        yield f"{label:>{longest}}", pull, length, at, numbers[row]
