"""Histograms on the wire: UHI JSON, schema 1 (https://uhi.readthedocs.io), checked and bounded.

The engine turns ``hist.Hist`` into UHI; the gatherer adds UHI to UHI; the client turns UHI into ``hist.Hist`` again.
What one side sends passed the checks that the other side makes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import hist
import numpy as np
import uhi.io.json

from openbeam import uhi_checks
from openbeam.errors import ResultRefused
from openbeam.models import MAX_HISTOGRAM_BINS

__all__ = ["add", "from_uhi", "to_uhi"]

# Metadata becomes attributes, and a text named like a method would stand in the method's place.
_TAKEN = {
    "histogram": frozenset(dir(hist.Hist)) - {"name", "label", "metadata"},
    "axis": frozenset(dir(hist.axis.Regular)) - {"name", "label", "metadata"},
}


def to_uhi(histogram: hist.BaseHist[Any]) -> dict[str, Any]:
    """Return the UHI form of a histogram, as plain JSON types.

    Raises
    ------
    ResultRefused
        When the histogram has more than ``MAX_HISTOGRAM_BINS`` bins (flow bins counted), a bin or an edge that is not
        a finite number, or metadata that is not text, numbers or booleans.

    """
    uhi_checks.check_bins(math.prod(histogram.axes.extent), MAX_HISTOGRAM_BINS)
    try:
        data = dict(json.loads(json.dumps(histogram, default=uhi.io.json.default)))
    except (TypeError, ValueError, RecursionError) as error:
        raise ResultRefused(f"This histogram cannot travel: {error}.") from error
    _settle_variances(data["storage"])
    _checked(data)
    return data


def from_uhi(data: Mapping[str, Any]) -> hist.Hist[Any]:
    """Return the histogram that ``to_uhi`` described.

    Raises
    ------
    ResultRefused
        When the data is not a UHI histogram, or is over a bound; found out before anything is built.

    """
    clean = _checked(data)
    try:
        return hist.Hist(clean)
    except Exception as error:  # the builders raise what they like: IndexError, KeyError, OverflowError, …
        raise ResultRefused(f"This is not a histogram: {error}.") from error


def add(left: hist.Hist[Any] | None, right: hist.Hist[Any]) -> hist.Hist[Any]:
    """Return the sum of two histograms with the same axes.

    Raises
    ------
    ResultRefused
        When their axes or storages differ: a function must book the same axes for every chunk.

    """
    if left is None:
        return right
    if left.axes != right.axes or left.storage_type is not right.storage_type:
        raise ResultRefused("Two chunks gave a histogram with different axes. Book the same axes for every chunk.")
    return left + right


def _settle_variances(storage: dict[str, Any]) -> None:
    # The variance of a mean of one entry is 0/0, which JSON has no number for; 0 gives the same sum back.
    if storage["type"] == "mean":
        storage["variances"] = np.nan_to_num(np.asarray(storage["variances"]), nan=0.0).tolist()


def _checked(data: Mapping[str, Any]) -> dict[str, Any]:
    clean = uhi_checks.checked(data, MAX_HISTOGRAM_BINS)
    _check_names("histogram", clean["metadata"])
    for axis in clean["axes"]:
        _check_names("axis", axis["metadata"])
    return clean


def _check_names(what: str, metadata: dict[str, Any]) -> None:
    for name in metadata:
        if name.startswith("_") or name in _TAKEN[what]:
            raise ResultRefused(f"A histogram's {what} cannot have an attribute {name!r}. Use another name.")
