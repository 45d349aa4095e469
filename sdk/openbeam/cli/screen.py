"""Where the command line writes: results to stdout, everything else to stderr, decorations to terminals only."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

__all__ = ["diagnostics", "fail", "lines", "plain", "result", "rows"]


def result() -> Console:
    """Return the console for results."""
    return Console(highlight=False, soft_wrap=False)


def diagnostics() -> Console:
    """Return the console for progress and errors."""
    return Console(stderr=True, highlight=False)


def plain(text: object) -> str:
    """Return text on one line, without what could steer a terminal: names and messages come from other people."""
    return "".join(char if char.isprintable() else " " for char in str(text)).strip()


def lines(text: str) -> str:
    """Return text as it is on its lines, without what could steer a terminal."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)


def fail(message: object) -> None:
    """Say on stderr what went wrong, in one line."""
    sys.stderr.write(f"error: {plain(message)}\n")


def rows(headings: Sequence[str], lines: Sequence[Sequence[object]], *, nothing: str, whole: int = 0) -> None:
    """Print a table: drawn on a terminal, tab-separated without headings elsewhere.

    The first ``whole`` columns are what people copy; a narrow terminal breaks the others.
    """
    console = result()
    cells = [[plain(cell) for cell in line] for line in lines]
    if not console.is_terminal:
        sys.stdout.writelines("\t".join(line) + "\n" for line in cells)
    elif cells:
        columns = [Column(heading, no_wrap=place < whole) for place, heading in enumerate(headings)]
        table = Table(*columns, box=None, header_style="bold", pad_edge=False)
        for line in cells:
            table.add_row(*(Text(cell) for cell in line))
        console.print(table)
    else:
        console.print(nothing, style="dim")
