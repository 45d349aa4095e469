"""A signal upon a background: how many entries are expected in each bin."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from openbeam.fit.shapes import Array, Background, Parameter, Signal

__all__ = ["Model"]

# Of all entries, in each bin: no bin is impossible, or one stray entry would make the whole likelihood so.
_FLOOR = 1e-12


def _yield(name: str, title: str) -> Parameter:
    return Parameter(name, title, "entries", lambda _: (0.0, np.inf))


@dataclass(frozen=True)
class Model:
    """``signal`` entries in the peak's shape, and entries of each of the background's shapes.

    Parameters come in this order: signal, the peak's shape, the background's yields, the background's shape.
    """

    signal: Signal
    background: Background

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters in their order."""
        below = self.background
        shares = [_yield(name, title) for name, title in below.yields.items()]
        return (_yield("signal", "Signal"), *self.signal.parameters, *shares, *below.parameters)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all parameters in their order."""
        return tuple(parameter.name for parameter in self.parameters)

    def expected(self, edges: Array, values: Sequence[float]) -> Array:
        """Return the entries that are expected in each bin between ``edges``."""
        expected = self.expected_signal(edges, values) + self.expected_background(edges, values)
        return expected + _FLOOR * float(expected.sum())

    def expected_signal(self, edges: Array, values: Sequence[float]) -> Array:
        """Return the part of the peak."""
        last = 1 + len(self.signal.parameters)
        return values[0] * self.signal.shares(edges, *values[1:last])

    def expected_background(self, edges: Array, values: Sequence[float]) -> Array:
        """Return the part of the background."""
        first = 1 + len(self.signal.parameters)
        shape = first + len(self.background.yields)
        shares = self.background.shares(edges, *values[shape:])
        total = np.zeros(len(edges) - 1)
        for entries, share in zip(values[first:shape], shares, strict=True):
            total += entries * share
        return total
