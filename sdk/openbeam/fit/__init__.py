"""Fits of peaks: ``fit(histogram, "gauss", "exp", within=(2.8, 3.4))``.

Needs ``pip install 'openbeam[fit]'``.
"""

from __future__ import annotations

from openbeam.errors import NotInstalled

try:
    from openbeam.fit.fitting import fit
    from openbeam.fit.result import Fit, Fitted
    from openbeam.fit.shapes import BACKGROUNDS, SIGNALS
except ModuleNotFoundError as error:
    if str(error.name).partition(".")[0] not in {"iminuit", "scipy"}:
        raise
    raise NotInstalled(
        f"Fits need the package {error.name}, which is not installed here. Install it: pip install 'openbeam[fit]'",
        package=error.name,
    ) from None

__all__ = ["BACKGROUNDS", "SIGNALS", "Fit", "Fitted", "fit"]
