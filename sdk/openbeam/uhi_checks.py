"""What UHI JSON (schema 1) may look like, and how large it may be, found out without building a histogram.

The shapes follow ``histogram.schema.json`` of the uhi package. Left out: sparse storages, data in other files and
storages without data, none of which a run needs; and means of weighted samples, whose empty bins do not come back.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import (
    BaseModel,
    ConfigDict,
    FailFast,
    Field,
    FiniteFloat,
    StringConstraints,
    ValidationError,
    model_validator,
)

from openbeam.errors import ResultRefused

__all__ = ["check_bins", "checked"]

_MAX_AXES = 10
_MAX_LIST = 200_001

_Text = Annotated[str, StringConstraints(max_length=1_000)]
_Key = Annotated[str, StringConstraints(min_length=1, max_length=100)]
_Metadata = Annotated[dict[_Key, _Text | bool | int | FiniteFloat], Field(max_length=32)]
_Number = int | FiniteFloat
_Bins = Annotated[int, Field(ge=1, lt=2**31)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Boost(_Part):
    """What boost-histogram notes for itself, to give back the very axis and storage that it wrote."""

    model_config = ConfigDict(extra="ignore")

    storage_type: Literal["AtomicInt64", "Unlimited"] | None = None
    orig_type: Literal["Integer"] | None = None
    growth: bool | None = None
    transform: Literal["log", "sqrt", "pow"] | None = None
    power: _Number | None = None
    bins: _Bins | None = None
    lower: _Number | None = None
    upper: _Number | None = None


class _Writer(_Part):
    model_config = ConfigDict(extra="ignore")

    boost: _Boost = Field(default_factory=_Boost, alias="boost-histogram")


class _Axis(_Part):
    metadata: _Metadata = Field(default_factory=dict)
    writer_info: _Writer = Field(default_factory=_Writer)

    def extent(self) -> int:
        """Return the number of bins, flow bins counted."""
        raise NotImplementedError


class _Ordered(_Axis):
    underflow: bool
    overflow: bool
    circular: bool


class _Regular(_Ordered):
    type: Literal["regular"]
    lower: _Number
    upper: _Number
    bins: _Bins

    def extent(self) -> int:
        return self.bins + self.underflow + self.overflow


class _Variable(_Ordered):
    type: Literal["variable"]
    edges: Annotated[list[_Number], FailFast(), Field(min_length=2, max_length=_MAX_LIST)]

    @model_validator(mode="after")
    def _same_bins(self) -> Self:
        boost = self.writer_info.boost
        if boost.transform and boost.bins != len(self.edges) - 1:
            raise ValueError("the transformed axis has another number of bins than its edges say")
        return self

    def extent(self) -> int:
        return len(self.edges) - 1 + self.underflow + self.overflow


class _Categories(_Axis):
    flow: bool
    categories: Sequence[Any]

    @model_validator(mode="after")
    def _unique(self) -> Self:
        if len(set(self.categories)) != len(self.categories):
            raise ValueError("a category is listed twice")
        return self

    def extent(self) -> int:
        return len(self.categories) + self.flow


class _TextCategories(_Categories):
    type: Literal["category_str"]
    categories: Annotated[list[_Text], FailFast(), Field(max_length=_MAX_LIST)]


class _IntCategories(_Categories):
    type: Literal["category_int"]
    categories: Annotated[list[int], FailFast(), Field(max_length=_MAX_LIST)]


class _Boolean(_Axis):
    type: Literal["boolean"]

    def extent(self) -> int:
        return 2


_AnyAxis = Annotated[_Regular | _Variable | _TextCategories | _IntCategories | _Boolean, Field(discriminator="type")]


class _Storage(_Part):
    type: Literal["int", "double", "weighted", "mean"]
    values: Any
    variances: Any = None
    counts: Any = None


class _Histogram(_Part):
    uhi_schema: Literal[1]
    axes: Annotated[list[_AnyAxis], FailFast(), Field(min_length=1, max_length=_MAX_AXES)]
    storage: _Storage
    metadata: _Metadata = Field(default_factory=dict)
    writer_info: _Writer = Field(default_factory=_Writer)


_ARRAYS = {
    "int": ("values",),
    "double": ("values",),
    "weighted": ("values", "variances"),
    "mean": ("counts", "values", "variances"),
}


def check_bins(bins: int, limit: int) -> None:
    """Refuse a histogram with more bins than the limit."""
    if bins > limit:
        raise ResultRefused(
            f"A histogram has {bins:,} bins; the limit is {limit:,}. Use fewer bins or axes.", bins=bins, limit=limit
        )


def checked(data: Mapping[str, Any], limit: int) -> dict[str, Any]:
    """Return what was checked of ``data``, arrays as numpy, ready for ``hist.Hist``; nothing unknown is left.

    Raises
    ------
    ResultRefused
        When a field is missing, unknown, of a wrong type, not finite or too large; ``limit`` is in bins.

    """
    try:
        parsed = _Histogram.model_validate(dict(data))
    except (ValidationError, TypeError, ValueError, RecursionError) as error:
        raise ResultRefused(f"This is not a histogram: {_reason(error)}.") from error
    shape = tuple(axis.extent() for axis in parsed.axes)
    check_bins(math.prod(shape), limit)
    clean = parsed.model_dump(exclude={"storage"}, exclude_none=True, by_alias=True)
    clean["storage"] = _storage(parsed.storage, shape)
    return clean


def _reason(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    # Of a choice between types the last is the widest, so its complaint is the one that helps.
    last = error.errors(include_url=False, include_input=False, include_context=False)[-1]
    return f"{'.'.join(str(part) for part in last['loc'])}: {last['msg']}"


def _storage(storage: _Storage, shape: tuple[int, ...]) -> dict[str, Any]:
    needed = _ARRAYS[storage.type]
    surplus = storage.model_fields_set - {"type", *needed}
    if surplus:
        raise ResultRefused(f"This is not a histogram: a storage {storage.type!r} has no {min(surplus)}.")
    kinds = "i" if storage.type == "int" else "iuf"
    return {"type": storage.type, **{name: _array(getattr(storage, name), shape, name, kinds) for name in needed}}


def _array(values: Any, shape: tuple[int, ...], name: str, kinds: str) -> np.ndarray[Any, Any]:
    """Return nested lists as an array; numpy is not asked before the lists have the right lengths."""
    if not _has_shape(values, shape):
        raise ResultRefused(f"This is not a histogram: {name} does not have the lengths of the axes.")
    if not math.prod(shape):
        return np.zeros(shape, dtype=int if kinds == "i" else float)
    try:
        array = np.asarray(values)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise ResultRefused(f"This is not a histogram: {name} does not hold numbers.") from error
    if array.shape != shape or array.dtype.kind not in kinds:
        what = "whole numbers" if kinds == "i" else "numbers"
        raise ResultRefused(f"This is not a histogram: {name} does not hold {what}.")
    if not np.isfinite(array).all():
        raise ResultRefused(
            f"A histogram has a bin that is not a finite number (in its {name}). Drop NaN and infinity."
        )
    return array


def _has_shape(values: Any, shape: tuple[int, ...]) -> bool:
    if not isinstance(values, list) or len(values) != shape[0]:
        return False
    return len(shape) == 1 or all(_has_shape(value, shape[1:]) for value in values)
