"""A thousand toys of each shape: what the fit says of its own uncertainty is true."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from fit_samples import Array, contents
from openbeam.fit import fit
from scipy import stats

TOYS = 1_000
BINS, LOW, HIGH = 16, 2.8, 3.4
EDGES = np.linspace(LOW, HIGH, BINS + 1)
# Enough entries for the uncertainties to be symmetric, as those of the fit are.
SIGNAL, BELOW = 6_000.0, 4_000.0
MEAN, SIGMA, GAMMA = 3.1, 0.04, 0.05
ALPHA, POWER = 1.2, 3.0


def normed(cumulative: Array) -> Array:
    """Return the share of each bin."""
    return np.diff(cumulative) / (cumulative[-1] - cumulative[0])


def gauss() -> Array:
    return normed(stats.norm.cdf(EDGES, MEAN, SIGMA))


def crystal_ball() -> Array:
    return normed(stats.crystalball.cdf(EDGES, ALPHA, POWER, MEAN, SIGMA))


def voigt() -> Array:
    """Return a Voigt profile's shares by what it is: a Breit-Wigner's values, each moved by a Gaussian's."""
    source = np.random.default_rng(1)
    draws = source.normal(MEAN, SIGMA, 4_000_000) + GAMMA / 2 * source.standard_cauchy(4_000_000)
    counts = np.histogram(draws, EDGES)[0]
    return counts / counts.sum()


def flat() -> Array:
    return np.full(BINS, 1 / BINS)


def tilted() -> Array:
    """Return a straight line whose left end has three times the height of the right one."""
    part = (EDGES - LOW) / (HIGH - LOW)
    return normed(0.75 * (1 - (1 - part) ** 2) + 0.25 * part**2)


CASES: dict[str, tuple[str, str, Callable[[], Array], Callable[[], Array], dict[str, float], dict[str, float]]] = {
    "gauss upon a line": (
        "gauss", "poly1", gauss, tilted, {"b0": 0.75 * BELOW, "b1": 0.25 * BELOW}, {},
    ),
    "crystal ball upon a constant": (
        "crystal-ball", "poly0", crystal_ball, flat, {"background": BELOW}, {"alpha": ALPHA, "n": POWER},
    ),
    "Voigt upon a constant": (
        "voigt", "poly0", voigt, flat, {"background": BELOW}, {"gamma": GAMMA},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_pulls_of_a_thousand_toys_have_mean_0_and_width_1(case: str) -> None:
    signal, background, peak, below, more, fix = CASES[case]
    truth = {"signal": SIGNAL, "mean": MEAN, "sigma": SIGMA, **more}
    expected = SIGNAL * peak() + BELOW * below()
    toys = np.random.default_rng(20).poisson(expected, (TOYS, BINS)).astype(float)
    pulls: dict[str, list[float]] = {name: [] for name in truth}
    chances = []
    for toy in toys:
        found = fit(contents(toy, LOW, HIGH), signal, background, particle=None, fix=fix)
        chances.append(found.p_value)
        for name, value in truth.items():
            pulls[name].append((found[name].value - value) / (found[name].error or np.nan))
    for name, several in pulls.items():
        mean, width = np.mean(several), np.std(several, ddof=1)
        assert abs(mean) < 3.5 / TOYS**0.5, (name, mean, width)
        assert abs(width - 1) < 3.5 / (2 * TOYS) ** 0.5, (name, mean, width)
    # Were chi square not distributed as said, its chances would not be spread evenly.
    assert stats.kstest(chances, "uniform").pvalue > 0.001
