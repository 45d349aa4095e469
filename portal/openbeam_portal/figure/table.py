"""A histogram's numbers as CSV, for a spreadsheet: one line a bin, flow bins told as such."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise, product
from typing import Any, Final

__all__ = ["csv_of"]

_SIMULATED: Final = "simulated"

Uhi = Mapping[str, Any]
Bin = tuple[Any, ...]


def csv_of(uhi: Uhi, *, simulated: bool = False) -> str:
    """Return the bins of a histogram: for each axis its range or name, then ``content`` and ``error``.

    Where the events are ``simulated`` each line ends with that word, so that no part of the table goes without it.

    Raises
    ------
    ValueError
        When the bins do not fit the axes.

    """
    axes = uhi["axes"]
    storage = uhi["storage"]
    values = list(_flat(storage["values"]))
    errors = [math.sqrt(max(0.0, v or 0.0)) for v in _flat(storage.get("variances", storage["values"]))]
    bins = [list(_bins(axis)) for axis in axes]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    mark = [_SIMULATED] if simulated else []
    writer.writerow(
        [name for n, axis in enumerate(axes, 1) for name in _columns(axis, n)] + ["content", "error", *mark]
    )
    for place, value, error in zip(product(*bins), values, errors, strict=True):
        writer.writerow([cell for part in place for cell in part] + [value, f"{error:.6g}", *mark])
    return text.getvalue()


def _columns(axis: Uhi, number: int) -> Sequence[str]:
    name = (axis.get("metadata") or {}).get("name") or f"axis{number}"
    return (f"{name}_low", f"{name}_high") if axis["type"] in ("regular", "variable") else (str(name),)


def _bins(axis: Uhi) -> Iterator[Bin]:
    if axis["type"] == "boolean":
        yield from (("false",), ("true",))
        return
    if "categories" in axis:
        yield from ((_safe(name),) for name in axis["categories"])
        if axis["flow"]:
            yield ("other",)
        return
    edges = axis["edges"] if axis["type"] == "variable" else _spread(axis["lower"], axis["upper"], axis["bins"])
    if axis["underflow"]:
        yield ("-inf", f"{edges[0]:.10g}")
    yield from ((f"{low:.10g}", f"{high:.10g}") for low, high in pairwise(edges))
    if axis["overflow"]:
        yield (f"{edges[-1]:.10g}", "inf")


def _spread(low: float, high: float, bins: int) -> list[float]:
    return [low + (high - low) * n / bins for n in range(bins + 1)]


def _safe(name: Any) -> Any:
    """Return a category's name so that no spreadsheet takes it for a formula."""
    return f"'{name}" if isinstance(name, str) and name.startswith(("=", "+", "-", "@", "\t", "\r")) else name


def _flat(values: Any) -> Iterator[float]:
    for value in values:
        if isinstance(value, list):
            yield from _flat(value)
        else:
            yield value
