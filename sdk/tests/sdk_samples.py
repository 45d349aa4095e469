"""Functions as people write them, whose texts the tests of ``openbeam.source`` read off this file."""

from __future__ import annotations

import functools
import math
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

FACTOR = 2


def compute_sum(values: list[int]) -> int:
    """Add the values up.

    This paragraph stays with the source.
    """
    return sum(values)


def with_imports(angle: float) -> dict[str, float]:
    import math as maths

    def helper(x: float) -> float:
        return maths.sin(x)

    return {"sine": helper(angle), "list": sum(value for value in [angle])}


def recursive(n: int) -> int:
    return 1 if n < 2 else n * recursive(n - 1)


def uses_module(angle: float) -> float:
    return math.sin(angle)


def uses_global(value: int) -> int:
    def inner() -> int:
        return value * FACTOR

    return inner()


def uses_annotation(value: Any) -> Any:
    return value


@functools.cache
def cached(value: int) -> int:
    return value


def _decorator(function: Callable[[int], int]) -> Callable[[int], int]:
    return function


@_decorator
def decorated(value: int) -> int:
    return value


async def coroutine(value: int) -> int:
    return value


async def agenerator(value: int) -> AsyncIterator[int]:
    yield value


def generator(value: int) -> Iterator[int]:
    yield value


def make_closure(offset: int) -> Callable[[int], int]:
    def add_offset(value: int) -> int:
        return value + offset

    return add_offset


def make_inner() -> Callable[[int], int]:
    def doubled(value: int) -> int:
        return value * 2

    return doubled


class Adder:
    def method(self, value: int) -> int:
        return value

    def __call__(self, value: int) -> int:
        return value


nameless: Callable[[int], int] = lambda value: value  # noqa: E731
