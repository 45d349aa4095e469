"""The values in rows of a CSV file: numbers or text, a column at a time.

Which columns are text is decided by the first rows of the file, so that it is the same for every chunk.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import awkward as ak
import numpy as np
import pyarrow as pa
from openbeam.errors import InvalidInput
from pyarrow import csv

from openbeam_datasets.readers.table import Rows, Table

__all__ = ["Kinds", "kinds", "values"]

Kinds = Mapping[str, pa.DataType]
"""Name of a column to its type: 64-bit integers, 64-bit floating point numbers, or text."""

_SNIFFED: Final = 5_000
"""Rows that decide what is text."""
_NUMBERS: Final = (pa.int64(), pa.float64())


def kinds(table: Table) -> Kinds:
    """Return the type of each column, as its first rows show it; what is empty there is a number.

    Raises
    ------
    InvalidInput
        As ``values``.

    """
    first = next(table.blocks(), None)
    rows = first.cut(0, _SNIFFED) if first is not None else None
    if rows is None or not len(rows):
        return dict.fromkeys(table.names, pa.float64())
    found = _parsed(rows, table, dict.fromkeys(table.names, None)).schema
    return {name: _kind(found.field(name).type) for name in table.names}


def values(rows: Rows, table: Table, known: Kinds) -> dict[str, ak.Array]:
    """Return the columns of rows. An empty cell is NaN or an empty text.

    A column that began with whole numbers has floating point numbers where the rows have them.

    Raises
    ------
    InvalidInput
        When a row has too few or too many values, or something is in it that is neither a number nor text.
        ``details``: ``line`` and, where it is one column's, ``column``.

    """
    found = (
        _parsed(rows, table, known)
        if len(rows)
        else pa.table({name: pa.nulls(0, kind) for name, kind in known.items()})
    )
    return {name: _column(name, found.column(name), kind, rows) for name, kind in known.items()}


def _kind(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_null(kind):
        return pa.float64()
    return kind if kind in _NUMBERS else pa.string()


def _parsed(rows: Rows, table: Table, known: Mapping[str, pa.DataType | None]) -> pa.Table:
    _check_text(rows)
    wrong: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        wrong.append(row)
        return "error"

    text = {name: kind for name, kind in known.items() if kind is not None and pa.types.is_string(kind)}
    try:
        found = csv.read_csv(
            pa.py_buffer(rows.text),
            # A forked worker has one thread, and only one thread counts rows.
            csv.ReadOptions(use_threads=False, column_names=table.names),
            csv.ParseOptions(delimiter=table.separator, invalid_row_handler=note),
            csv.ConvertOptions(column_types=text),
        )
    except pa.ArrowInvalid as error:
        if not wrong:
            raise InvalidInput(f"The file cannot be read as CSV: {error}.", line=int(rows.lines[0])) from error
        raise _wrong_number(rows, wrong[0]) from error
    if found.num_rows != len(rows):
        raise InvalidInput(
            f"Between lines {rows.lines[0]} and {rows.lines[-1]}, a quoted text goes over several lines. "
            "Give each event a line of its own.",
            line=int(rows.lines[0]),
        )
    return found


def _check_text(rows: Rows) -> None:
    """Refuse what no text has, by its line."""
    text = rows.text
    if (at := text.find(b"\0")) >= 0:
        raise _at(rows, text, at, "holds a NUL byte")
    if text.count(b"\r") != text.count(b"\r\n"):
        at = next(at for at in range(len(text)) if text[at : at + 1] == b"\r" and text[at + 1 : at + 2] != b"\n")
        raise _at(rows, text, at, "holds a carriage return that does not end it")
    try:
        text.decode()
    except UnicodeDecodeError as error:
        raise _at(rows, text, error.start, "is not UTF-8 text") from error


def _at(rows: Rows, text: bytes, at: int, what: str) -> InvalidInput:
    line = int(rows.lines[0]) + text.count(b"\n", 0, at)
    return InvalidInput(f"Line {line} {what}. Save the file as CSV (UTF-8).", line=line)


def _wrong_number(rows: Rows, wrong: csv.InvalidRow) -> InvalidInput:
    line = int(rows.lines[min(wrong.number or 1, len(rows)) - 1])
    return InvalidInput(
        f"Line {line} has {wrong.actual_columns:,} values; the file has {wrong.expected_columns:,} columns.", line=line
    )


def _column(name: str, found: pa.ChunkedArray, kind: pa.DataType, rows: Rows) -> ak.Array:
    # awkward's way from Arrow; pyarrow's own to numpy imports pandas where there is one.
    if pa.types.is_null(found.type):
        return ak.from_numpy(np.full(len(rows), math.nan))
    if pa.types.is_string(kind):
        return ak.from_arrow(found.combine_chunks())
    if found.type not in _NUMBERS:
        raise _no_number(name, rows, found)
    numbers = ak.from_arrow(found.combine_chunks())
    if found.null_count or found.type != kind:
        numbers = ak.fill_none(ak.values_astype(numbers, np.float64), math.nan)
    if len(at := np.flatnonzero(np.isinf(numbers))):
        line = int(rows.lines[at[0]])
        raise InvalidInput(f"Line {line} has a number in {name!r} that is too large.", line=line, column=name)
    return numbers


def _no_number(name: str, rows: Rows, found: pa.ChunkedArray) -> InvalidInput:
    at = next((at for at, value in enumerate(found.to_pylist()) if not _is_number(value)), 0)
    line = int(rows.lines[at])
    return InvalidInput(
        f"Line {line} has no number in {name!r}, where the first rows of the file have numbers.", line=line, column=name
    )


def _is_number(value: Any) -> bool:
    if value is None:
        return True
    try:
        float(str(value))
    except ValueError:
        return False
    return True
