"""``fit``: from a histogram to a ``Fit``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, TypeVar

import hist
import numpy as np
from scipy.special import gammaincc

from openbeam.errors import FitFailed, InvalidInput, nearest
from openbeam.fit.bins import Bins, bins_of
from openbeam.fit.minimise import Minimum, minimise
from openbeam.fit.model import Model
from openbeam.fit.pdg import Known, compare, known, nearest_known
from openbeam.fit.remarks import remarks
from openbeam.fit.result import Fit, Fitted
from openbeam.fit.shapes import BACKGROUNDS, SIGNALS, Parameter

__all__ = ["fit"]

_PDG: Final = "pdg"
# Widths from the peak, within which a known particle is taken to be what is seen.
_NEAR: Final = 2.0
# Standard deviations from zero, below which a signal is no discovery of anything.
_CLEAR: Final = 3.0
_Choice = TypeVar("_Choice")


def fit(
    histogram: hist.BaseHist[Any],
    signal: str = "gauss",
    background: str = "poly1",
    *,
    within: tuple[float, float] | None = None,
    particle: str | None = "auto",
    fix: Mapping[str, float | str] | None = None,
) -> Fit:
    """Fit a peak upon a background to the bins of a histogram, and compare it with what is known.

    Parameters
    ----------
    histogram
        On one axis of numbers, of entries or of weights with their uncertainties (``hist.storage.Weight``).
    signal
        ``gauss``, ``crystal-ball`` or ``voigt``.
    background
        ``none``, ``exp``, or ``poly0`` to ``poly3`` (constant to cubic; nowhere negative).
    within
        The range, in units of the axis; bins that lie wholly in it are fitted. Without one, all bins.
    particle
        Whose mass to compare with, by name or PDG number; ``auto``: the well-known one under the peak, for an axis of
        masses; None: no comparison.
    fix
        Parameters that are held, by name; ``"pdg"`` holds ``mean`` or ``gamma`` at the particle's mass or width.

    Raises
    ------
    InvalidInput
        When an argument is out of bounds, or the histogram cannot be fitted; says what to do.
    UnknownParticle
        When there is no such particle.
    FitFailed
        When no fit is found.

    """
    model = Model(_one_of(SIGNALS, signal, "signal"), _one_of(BACKGROUNDS, background, "background"))
    bins = bins_of(histogram, within)
    about = known(particle, bins.unit) if particle not in (None, "auto") else None
    fixed = _fixed(model, bins, fix or {}, about)
    free = len(model.names) - len(fixed)
    if free >= len(bins.values):
        raise InvalidInput(
            f"The range holds {len(bins.values)} bins, too few for {free} free parameters. Choose a larger range, or "
            "make the histogram with more bins.",
            field="range",
        )
    minimum = minimise(model, bins, fixed)
    if particle == "auto":
        about = _guess(bins, minimum)
    return _result((signal, background), model, bins, minimum, about)


def _one_of(table: Mapping[str, _Choice], name: str, field: str) -> _Choice:
    if name not in table:
        close = nearest(name, table)
        hint = f" Did you mean {' or '.join(close)}?" if close else f" Choose one of {', '.join(table)}."
        raise InvalidInput(f"There is no {field} {name!r}.{hint}", field=field)
    return table[name]


def _fixed(model: Model, bins: Bins, fix: Mapping[str, float | str], about: Known | None) -> dict[str, float]:
    """Return the values at which parameters are held."""
    wanted = {parameter.name: parameter for parameter in model.parameters}
    return {name: _held(_one_of(wanted, name, "parameter"), bins, value, about) for name, value in fix.items()}


def _held(parameter: Parameter, bins: Bins, value: float | str, about: Known | None) -> float:
    at = _from_pdg(parameter.name, about) if value == _PDG else value
    low, high = parameter.limits(bins.edges)
    if isinstance(at, str) or not (math.isfinite(at) and low <= at <= high):
        ends = f"at least {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
        raise InvalidInput(f"{parameter.name} cannot be held at {at}: it is a number {ends}.", field="fix")
    return float(at)


def _from_pdg(name: str, about: Known | None) -> float:
    if about is None:
        raise InvalidInput(f"{name} is to be held at the PDG's value: name the particle, too.", field="particle")
    found = {"mean": about.mass, "gamma": about.width}.get(name)
    if found is None:
        raise InvalidInput(f"The PDG has no {name} of the {about.name}. Give a number.", field="fix")
    return found


def _guess(bins: Bins, minimum: Minimum) -> Known | None:
    """Return the well-known particle that is under the peak, when the axis is one of masses."""
    values, sure = minimum.values, minimum.values["signal"] > _CLEAR * minimum.errors.get("signal", 0.0)
    if not sure or "mass" not in f"{bins.name} {bins.label}".lower():
        return None
    found = nearest_known(values["mean"], float(bins.edges[0]), float(bins.edges[-1]), bins.unit)
    width = values["sigma"] + values.get("gamma", 0.0) / 2
    return found if found and abs(found.mass - values["mean"]) < _NEAR * width else None


# ------------------------------------------------------------------------------------------------ result
def _result(shapes: tuple[str, str], model: Model, bins: Bins, minimum: Minimum, about: Known | None) -> Fit:
    parameters = tuple(_fitted(parameter, bins, minimum) for parameter in model.parameters)
    ndf = len(bins.values) - len(minimum.errors)
    p_value = float(gammaincc(ndf / 2, max(0.0, minimum.chi2) / 2))
    mean = next(parameter for parameter in parameters if parameter.name == "mean")
    comparison = compare(mean.value, mean.error or 0.0, about) if about else None
    found = Fit(
        signal=shapes[0],
        background=shapes[1],
        bins=bins,
        model=model,
        parameters=parameters,
        covariance=minimum.covariance,
        background_entries=_background_entries(model, minimum),
        chi2=minimum.chi2,
        ndf=ndf,
        p_value=p_value,
        comparison=comparison,
        remarks=(),
    )
    if not np.isfinite([found.chi2, *found.values]).all():
        raise FitFailed("The fit ends in numbers that are none. Choose another range, or another shape.")
    return replace(found, remarks=tuple(remarks(found, minimum)))


def _fitted(parameter: Parameter, bins: Bins, minimum: Minimum) -> Fitted:
    units = {"x": bins.unit, "1/x": f"1/{bins.unit}" if bins.unit else "", "entries": "entries"}
    name = parameter.name
    return Fitted(
        name, parameter.title, minimum.values[name], minimum.errors.get(name), units.get(parameter.unit, parameter.unit)
    )


def _background_entries(model: Model, minimum: Minimum) -> Fitted:
    chosen = np.isin(model.names, list(model.background.yields))
    entries = sum(minimum.values[name] for name in model.background.yields)
    variance = float(minimum.covariance[np.ix_(chosen, chosen)].sum())
    error = math.sqrt(variance) if variance > 0 else None
    return Fitted("background", "Background", float(entries), error, "entries")
