"""What one should know before believing a fit's numbers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np

from openbeam.fit.minimise import Minimum
from openbeam.fit.result import Fit

__all__ = ["remarks"]

# Below so many expected entries, a bin's distance is not distributed as chi square.
_FEW: Final = 5.0
_MANY_BINS: Final = 1 / 3
_POOR: Final = 0.001
_CLEAR: Final = 3.0

# Of a bin's width.
_NARROW: Final = 0.3

_MEANINGS: Final = {
    "alpha": "no tail is seen, and a Gaussian would do",
    "n": "the bins in this range do not tell the tail's power",
    "gamma": "the natural width is too small to be seen",
    "sigma": "all the width that is seen is natural, or less than a bin",
}


def remarks(fit: Fit, minimum: Minimum) -> Iterator[str]:
    """Yield a sentence on each thing that is not as it should be, and what can be done."""
    for name, limit in minimum.held.items():
        meaning = _MEANINGS.get(name, "the bins want nothing of it")
        yield f"{name} ended at its limit, {limit:.4g}, and was held there: {meaning}."
    width = fit["sigma"].value + (fit["gamma"].value if "gamma" in fit.model.names else 0.0)
    if width < _NARROW * float(np.diff(fit.bins.edges).min()):
        yield "The peak is narrower than a bin, so its width is not known. Make the histogram with narrower bins."
    signal = fit["signal"]
    if signal.error is not None and signal.value < _CLEAR * signal.error:
        yield "The signal is less than three standard deviations from zero: the peak may be chance."
    if fit.p_value < _POOR:
        yield (
            "The curve does not describe the bins: look at the pulls, and try another shape or a smaller range. "
            "(Events that are counted several times do this, too.)"
        )
    if float(np.mean(fit.expected * fit.bins.scale < _FEW)) > _MANY_BINS:
        yield "Many bins are nearly empty, so χ² and p-value are rough. Wider bins would help."
    if not minimum.accurate:
        yield "The uncertainties are rough: they could not be computed well at this minimum."
    if fit.bins.weighted:
        yield "The entries carry weights: uncertainties come from the sums of their squares."
    yield from _natural_width(fit)


def _natural_width(fit: Fit) -> Iterator[str]:
    if fit.comparison is None or "gamma" not in fit.model.names or fit["gamma"].error is None:
        return
    particle, gamma = fit.comparison.particle, fit["gamma"]
    if particle.width is not None and gamma.error:
        yield f"The natural width is {gamma}; for the {particle.natural_width()}."
        if gamma.value - particle.width > _CLEAR * gamma.error:
            yield "What is wider than that comes from the detector, whose spread is not one Gaussian."
