"""The fit itself: Minuit finds the parameters that make the bins most likely.

What it makes small is twice the extended Poisson likelihood's distance from a model that agrees with every bin (S.
Baker, R. D. Cousins, NIM 221 (1984) 437, doi:10.1016/0167-5087(84)90016-4): the minimum is distributed as chi square,
and where it has grown by 1 is one standard deviation. ``iminuit.cost`` has this function, too, and compiles it for many
seconds where numba is installed; see decision 20.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from iminuit import Minuit
from scipy.special import xlogy

from openbeam.errors import FitFailed
from openbeam.fit.bins import Bins
from openbeam.fit.model import Model
from openbeam.fit.shapes import Array
from openbeam.fit.start import start

__all__ = ["Minimum", "minimise"]

_MOST_CALLS: Final = 6_000
# Where the first try ends nowhere, the peak is taken for narrower or wider.
_STRETCHES: Final = (1.0, 0.5, 2.0)
# Nearer than this part of its step, a parameter is at its limit.
_AT_LIMIT: Final = 0.01


@dataclass(frozen=True)
class Minimum:
    """Where Minuit ended."""

    values: dict[str, float]
    errors: dict[str, float]
    """Standard deviations; of parameters that were not free there is none."""
    covariance: Array
    """Of all parameters in their order; zero where they were not free."""
    chi2: float
    accurate: bool
    """Whether the covariance is the one of the minimum, not one that was forced to be positive."""
    held: dict[str, float]
    """Parameters that ended at a limit, where they were held."""


def minimise(model: Model, bins: Bins, fixed: Mapping[str, float]) -> Minimum:
    """Return the minimum, with the ``fixed`` parameters where they are.

    Raises
    ------
    FitFailed
        When none is found, or one that is no peak.

    """
    held: dict[str, float] = {}
    minuit, steps = _first_valid(model, bins, fixed)
    _settle(minuit)
    while at_limit := _at_limit(minuit, steps):
        _check_peak(at_limit)
        held |= at_limit
        for name, limit in at_limit.items():
            minuit.values[name] = limit
            minuit.fixed[name] = True
        _descend(minuit)
        _settle(minuit)
    _check_place(minuit, bins)
    free = [name for name in model.names if not minuit.fixed[name]]
    covariance = minuit.covariance
    if covariance is None or not np.isfinite(np.asarray(covariance)).all():
        raise _failed()
    return Minimum(
        values={name: float(minuit.values[name]) for name in model.names},
        errors={name: float(minuit.errors[name]) for name in free},
        covariance=np.asarray(covariance, dtype=float),
        chi2=float(minuit.fval or 0.0),
        accurate=bool(minuit.accurate),
        held=held,
    )


def _failed() -> FitFailed:
    return FitFailed(
        "The fit does not converge. Choose a range with one peak and some background at both sides, or another shape."
    )


def _first_valid(model: Model, bins: Bins, fixed: Mapping[str, float]) -> tuple[Minuit, dict[str, float]]:
    """Return Minuit where it first found a minimum, and the steps that it began with."""
    for stretch in _STRETCHES:
        begin = start(model, bins, stretch)
        steps = _steps(begin, bins)
        minuit = _minuit(model, bins, {**begin, **fixed}, steps)
        for name in fixed:
            minuit.fixed[name] = True
        if _descend(minuit):
            return minuit, steps
    raise _failed()


def _descend(minuit: Minuit) -> bool:
    minuit.migrad(ncall=_MOST_CALLS)
    return bool(minuit.valid)


def _settle(minuit: Minuit) -> None:
    """Compute the covariance at the minimum; where it shows that this is none yet, go on with more care."""
    minuit.hesse()
    if not minuit.valid:
        minuit.strategy = 2
        _descend(minuit)
        minuit.hesse()
    if not minuit.valid:
        raise _failed()


def _minuit(model: Model, bins: Bins, begin: Mapping[str, float], steps: Mapping[str, float]) -> Minuit:
    limits = {parameter.name: parameter.limits(bins.edges) for parameter in model.parameters}
    values = [float(np.clip(begin[name], *limits[name])) for name in model.names]
    minuit = Minuit(_distance(model, bins), values, name=model.names)
    minuit.errordef = Minuit.LEAST_SQUARES
    for name in model.names:
        minuit.limits[name] = limits[name]
        minuit.errors[name] = steps[name]
    return minuit


def _distance(model: Model, bins: Bins) -> Callable[[Sequence[float]], float]:
    scale = bins.scale
    counts = bins.values * scale
    saturated = float(xlogy(counts, counts).sum() - counts.sum())

    def distance(values: Sequence[float]) -> float:
        expected = model.expected(bins.edges, values) * scale
        return 2 * (saturated + float((expected - xlogy(counts, expected)).sum()))

    return distance


def _steps(begin: Mapping[str, float], bins: Bins) -> dict[str, float]:
    """Return about how far each parameter is from where it begins: entries by Poisson, lengths by the peak's width."""
    width = begin["sigma"]
    span = float(bins.edges[-1] - bins.edges[0])
    lengths = {"mean": 0.2 * width, "sigma": 0.2 * width, "gamma": 0.2 * width, "slope": 0.2 / span}
    shape = {"alpha": 0.2, "n": 0.5}
    return {name: {**lengths, **shape}.get(name, max(value, 1.0) ** 0.5) for name, value in begin.items()}


def _at_limit(minuit: Minuit, steps: Mapping[str, float]) -> dict[str, float]:
    """Return the free parameters that are at a limit, and that limit."""
    free = (parameter for parameter in minuit.params if not parameter.is_fixed)
    ends = ((one, limit) for one in free for limit in (one.lower_limit, one.upper_limit) if limit is not None)
    return {one.name: limit for one, limit in ends if abs(one.value - limit) < _AT_LIMIT * steps[one.name]}


def _check_peak(at_limit: Mapping[str, float]) -> None:
    if "signal" in at_limit:
        raise FitFailed("No peak stands out of the background in this range. Choose another range or background.")
    if "mean" in at_limit:
        raise _outside()


def _check_place(minuit: Minuit, bins: Bins) -> None:
    mean, sigma = minuit.values["mean"], minuit.values["sigma"]
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    if 2 * sigma > high - low:
        raise FitFailed(
            "The peak is as wide as the range, so it cannot be told from the background. Choose a larger range."
        )
    if mean - sigma < low or mean + sigma > high:
        raise _outside()


def _outside() -> FitFailed:
    return FitFailed("The peak ends up at an end of the range. Choose a range with the whole peak in its middle.")
