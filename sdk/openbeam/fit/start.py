"""Where a fit begins: the place and the width at which a peak stands out most, and what is left below it.

A matched filter: Gaussians of many places and widths are laid over the bins, whatever a smooth background can account
for is taken out of bins and Gaussians, and the one that agrees best with what remains is taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from openbeam.fit.bins import Bins
from openbeam.fit.model import Model
from openbeam.fit.shapes import Array, binomial_shares, normal

__all__ = ["start"]

_MOST_GROUPS: Final = 120
_PLACES: Final = 60
_WIDTHS: Final = 10
_SMALLEST_SHARE: Final = 0.01
# A parabola takes the bend out of a falling background, and leaves a peak.
_DEGREE: Final = 2


@dataclass(frozen=True)
class _Peak:
    signal: float
    mean: float
    sigma: float
    ends: tuple[float, float]
    """Heights of the background at both ends of the range."""
    below: float
    """Entries of the background."""


def start(model: Model, bins: Bins, stretch: float = 1.0) -> dict[str, float]:
    """Return a value for each parameter; ``stretch`` makes the peak wider than it seems."""
    peak = _peak(bins, with_background=bool(model.background.yields))
    width = peak.sigma * stretch
    span = float(bins.edges[-1] - bins.edges[0])
    low, high = peak.ends
    known = {
        "signal": peak.signal,
        "mean": peak.mean,
        "sigma": 0.7 * width if "gamma" in model.names else width,
        "gamma": width,
        "alpha": 1.5,
        "n": 3.0,
        "background": peak.below,
        "slope": float(np.log(high / low)) / span,
    }
    parts = len(model.background.yields)
    line = np.linspace(low, high, parts) / np.linspace(low, high, parts).sum() if parts else np.zeros(0)
    shares = {f"b{k}": peak.below * float(line[k]) for k in range(parts)}
    return {name: {**known, **shares}[name] for name in model.names}


def _peak(bins: Bins, *, with_background: bool) -> _Peak:
    edges, values, variances = _grouped(bins)
    # One unit of each bin is one standard deviation; an empty bin is as uncertain as one with an entry.
    error = np.sqrt(np.maximum(variances, float(bins.variances.sum() / bins.entries)))
    smooth = np.array(binomial_shares(edges, _DEGREE) if with_background else []).reshape(-1, len(values))
    below, seen = (smooth / error).T, values / error
    places, widths = _candidates(edges)
    shapes = normal((edges - places[:, None]) / widths[:, None]) / error
    best, height = _outstanding(shapes, below, seen)
    smallest = _SMALLEST_SHARE * bins.entries
    signal = float(np.clip(height, smallest, bins.entries))
    rest = np.linalg.lstsq(below, seen - signal * shapes[best], rcond=None)[0] if with_background else np.ones(2)
    rest = np.maximum(rest, smallest)
    return _Peak(signal, float(places[best]), float(widths[best]), (float(rest[0]), float(rest[-1])), float(rest.sum()))


def _outstanding(shapes: Array, below: Array, seen: Array) -> tuple[int, float]:
    """Return the row of ``shapes`` that stands out most over the columns of ``below``, and its height."""
    base, _ = np.linalg.qr(below)
    freed = shapes - (shapes @ base) @ base.T
    norms = np.maximum((freed**2).sum(axis=1), np.finfo(float).tiny)
    heights = freed @ seen / norms
    best = int(np.argmax(heights * np.sqrt(norms)))
    return best, float(heights[best])


def _grouped(bins: Bins) -> tuple[Array, Array, Array]:
    """Return edges, contents and variances of a few bins at most."""
    firsts = np.arange(0, len(bins.values), -(-len(bins.values) // _MOST_GROUPS))
    edges = np.append(bins.edges[firsts], bins.edges[-1])
    return edges, np.add.reduceat(bins.values, firsts), np.add.reduceat(bins.variances, firsts)


def _candidates(edges: Array) -> tuple[Array, Array]:
    """Return places and widths, all with all."""
    centers = (edges[1:] + edges[:-1]) / 2
    places = centers[:: -(-len(centers) // _PLACES)]
    span, narrow = float(edges[-1] - edges[0]), float(np.diff(edges).min())
    widths = np.geomspace(min(narrow / 2, span / 8), span / 4, _WIDTHS)
    at, width = (values.ravel() for values in np.meshgrid(places, widths))
    whole = (at - width >= edges[0]) & (at + width <= edges[-1])
    return at[whole], width[whole]
