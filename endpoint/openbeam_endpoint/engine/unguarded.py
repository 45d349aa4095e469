"""Stands for typeguard in Parsl's processes: nothing is checked at run time.

typeguard reads and compiles each function anew that it guards: more than half of the time of an import of Parsl. What
calls Parsl here is our own code, whose types are checked before it is released.
"""

from __future__ import annotations

from typing import TypeVar

__all__ = ["typechecked"]

_T = TypeVar("_T")


def typechecked(target: _T) -> _T:
    """Return a function or a class as it is."""
    return target
