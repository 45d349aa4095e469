"""Rows of a CSV file as events, and the facts of such a file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import awkward as ak
from openbeam.errors import InvalidInput
from openbeam.models import InspectResult

from openbeam_datasets.readers.table import Rows, Table, open_table
from openbeam_datasets.readers.values import kinds, values

__all__ = ["csv_facts", "open_lines", "warm_lines"]


@contextmanager
def open_lines(path: Path, start: int, stop: int) -> Iterator[Any]:
    """Give rows ``start`` up to ``stop`` as events with a field a column: numbers, or text.

    Raises
    ------
    DataUnavailable
        When there is no such file.
    InvalidInput
        When it cannot be read (``details``: ``line``), or has no such range.

    """
    with open_table(path) as table:
        events, seen = _events(table, start, stop)
    if not 0 <= start <= stop <= seen:
        raise InvalidInput(
            f"The file has {seen:,} events; there is no range {start:,} to {stop:,} in it.",
            start=start,
            stop=stop,
            entries=seen,
        )
    yield events


def csv_facts(path: Path) -> InspectResult:
    """Return rows, places to cut and columns of a CSV file. All of it is read, so that a wrong line is found now.

    Raises
    ------
    DataUnavailable
        When there is no such file.
    InvalidInput
        When it cannot be read. ``details``: ``line``.

    """
    with open_table(path) as table:
        known, offsets = kinds(table), {0}
        for rows in table.blocks():
            values(rows, table, known)
            offsets.add(rows.first + len(rows))
        return InspectResult(entries=max(offsets), offsets=sorted(offsets), columns=table.names)


def warm_lines() -> None:
    """Load now what is loaded when the first file is read."""
    _events(Table(["number", "text"], ",", BytesIO(b"1,one\n"), 0, 1), 0, 1)


def _events(table: Table, start: int, stop: int) -> tuple[ak.Array, int]:
    """Return rows ``start`` up to ``stop``, and how many rows were seen on the way to them."""
    known, seen = kinds(table), 0
    pieces = [values(Rows.none(), table, known)]
    for rows in table.blocks():
        seen += len(rows)
        pieces.append(values(rows.cut(start, stop), table, known))
        if seen >= stop:
            break
    columns = {name: ak.concatenate([piece[name] for piece in pieces]) for name in table.names}
    return ak.zip(columns, depth_limit=1), seen
