"""Shapes of peaks and of what is below them, as the share of their entries in each bin.

Shares are integrals over bins, not heights at centres: a peak may be as narrow as a bin. Every shape is normalised over
the range of the fit, so that the numbers that multiply shapes are entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from scipy.special import betainc, exprel, ndtr, voigt_profile

__all__ = ["BACKGROUNDS", "SIGNALS", "Background", "Parameter", "Signal", "binomial_shares", "normal"]

Array = np.ndarray[Any, Any]

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(8)
_ROOT_TWO_PI: Final = float(np.sqrt(2 * np.pi))


@dataclass(frozen=True)
class Parameter:
    """What a shape's parameter is called, in which unit it is, and what it may be."""

    name: str
    title: str
    unit: str
    """``x``, ``1/x``, ``entries`` or none: in units of the axis."""
    limits: Callable[[Array], tuple[float, float]]
    """Smallest and largest value in a fit on bins with these edges."""


@dataclass(frozen=True)
class Signal:
    """A peak: its shape parameters, the first two being its place and the width of its core."""

    title: str
    parameters: tuple[Parameter, ...]
    integrals: Callable[..., Array]
    """Of edges (n + 1) and the parameters: n numbers in proportion to the entries of the bins."""

    def shares(self, edges: Array, *values: float) -> Array:
        """Return the share of the peak in each bin; they add up to 1."""
        integrals = self.integrals(edges, *values)
        total = float(integrals.sum())
        return integrals / total if total > 0 else np.full(len(integrals), 1 / len(integrals))


@dataclass(frozen=True)
class Background:
    """What is below the peak: one or several shapes, each multiplied by entries of its own."""

    title: str
    yields: dict[str, str]
    """Names of the entries of each of its shapes, with their titles."""
    parameters: tuple[Parameter, ...]
    shares: Callable[..., list[Array]]
    """Of edges and the parameters: for each of ``yields`` its share in each bin."""


# ------------------------------------------------------------------------------------------------ peaks
def _gauss(edges: Array, mean: float, sigma: float) -> Array:
    return normal((edges - mean) / sigma)


def normal(t: Array) -> Array:
    """Return the normal distribution's integrals between neighbours in the last dimension; exact in both tails."""
    beyond, above = ndtr(-np.abs(t)), t > 0
    # On each side of 0, the difference of what is beyond; where a bin has 0 in it, 1 less what is beyond both its ends.
    signed = np.where(above, -beyond, beyond)
    # Slices, as np.diff takes longer than all the rest for so few numbers.
    integrals: Array = signed[..., 1:] - signed[..., :-1] + (above[..., 1:] != above[..., :-1])
    return integrals


def _crystal_ball(edges: Array, mean: float, sigma: float, alpha: float, power: float) -> Array:
    """Integrate a Gaussian whose lower side goes over into a power law (J. E. Gaiser, SLAC-R-255, 1982, appendix F)."""
    t = (edges - mean) / sigma
    core: Array = _ROOT_TWO_PI * normal(np.maximum(t, -alpha))
    # With u, the way from the joint down: exp(-alpha^2/2) (1 + alpha u / n)^-n, which has a closed integral for n > 1.
    way = np.maximum(-alpha - t, 0)
    height = power / alpha / (power - 1) * np.exp(-(alpha**2) / 2)
    tail: Array = np.diff(height * (1 + alpha * way / power) ** (1 - power))
    return core + tail


def _voigt(edges: Array, mean: float, sigma: float, gamma: float) -> Array:
    """Integrate a Breit-Wigner of full width ``gamma`` smeared by a Gaussian: eight points a bin."""
    half = np.diff(edges) / 2
    at = (edges[:-1] + half)[:, None] + half[:, None] * _NODES
    integrals: Array = half * (voigt_profile(at - mean, sigma, gamma / 2) @ _WEIGHTS)
    return integrals


def _span(edges: Array) -> float:
    return float(edges[-1] - edges[0])


def _narrowest(edges: Array) -> float:
    return float(np.diff(edges).min())


_MEAN: Final = Parameter("mean", "Position of the peak", "x", lambda edges: (float(edges[0]), float(edges[-1])))
# A peak far narrower than a bin looks like any other such peak.
_SIGMA: Final = Parameter("sigma", "Width σ", "x", lambda edges: (_narrowest(edges) / 10, _span(edges)))
_ALPHA: Final = Parameter("alpha", "Start of the tail, in σ", "", lambda _: (0.1, 5.0))
_POWER: Final = Parameter("n", "Power of the tail", "", lambda _: (1.05, 50.0))
_GAMMA: Final = Parameter("gamma", "Natural width Γ", "x", lambda edges: (0.0, _span(edges)))

SIGNALS: Final[dict[str, Signal]] = {
    "gauss": Signal("Gaussian", (_MEAN, _SIGMA), _gauss),
    "crystal-ball": Signal("crystal ball", (_MEAN, _SIGMA, _ALPHA, _POWER), _crystal_ball),
    "voigt": Signal("Breit–Wigner ⊗ Gaussian (Voigt)", (_MEAN, _SIGMA, _GAMMA), _voigt),
}


# ------------------------------------------------------------------------------------------------ below them
def _exponential(edges: Array, slope: float) -> list[Array]:
    width, middle = np.diff(edges), (edges[0] + edges[-1]) / 2
    integrals = np.exp(slope * (edges[:-1] - middle)) * width * exprel(slope * width)
    return [integrals / integrals.sum()]


def binomial_shares(edges: Array, degree: int) -> list[Array]:
    """Return Bernstein's polynomials of a degree as shares: where all their yields are positive, so is their sum."""
    return _binomial_shares(edges.tobytes(), degree)


@lru_cache(maxsize=16)
def _binomial_shares(edges: bytes, degree: int) -> list[Array]:
    # A fit asks for the same ones hundreds of times.
    numbers = np.frombuffer(edges)
    part = (numbers - numbers[0]) / _span(numbers)
    return [np.diff(betainc(k + 1, degree - k + 1, part)) for k in range(degree + 1)]


_TOTAL: Final = {"background": "Background"}
_ENDS: Final = {
    "a constant": (),
    "a straight line": ("left end", "right end"),
    "a parabola": ("left end", "middle", "right end"),
    "a cubic": ("left end", "first third", "second third", "right end"),
}


def _polynomial(degree: int, title: str) -> Background:
    parts = {f"b{k}": f"Background, {place}" for k, place in enumerate(_ENDS[title])}
    return Background(title, parts or _TOTAL, (), lambda edges: binomial_shares(edges, degree))


_SLOPE: Final = Parameter(
    "slope", "Slope of the exponential", "1/x", lambda edges: (-50 / _span(edges), 50 / _span(edges))
)

BACKGROUNDS: Final[dict[str, Background]] = {
    "none": Background("nothing", {}, (), lambda _: []),
    "exp": Background("an exponential", _TOTAL, (_SLOPE,), _exponential),
    **{f"poly{degree}": _polynomial(degree, title) for degree, title in enumerate(_ENDS)},
}
