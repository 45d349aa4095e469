"""Numbers with uncertainties, as people write them."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Final

__all__ = ["chance", "measured", "plain_number", "quoted"]

_SMALLEST: Final = 1e-9
_HUGE: Final = 1e7


def measured(value: float, error: float, unit: str = "") -> str:
    """Return ``90.70 ± 0.07 GeV``: the uncertainty to two digits, the value to the same place."""
    tail = f" {unit}" if unit else ""
    if not (math.isfinite(error) and error > 0):
        return f"{plain_number(value)}{tail}"
    digits = 1 - math.floor(math.log10(error))
    if round(error, digits) >= 10 ** (2 - digits):  # 0.0996 is 0.10, not 0.100
        digits -= 1
    decimals = max(0, digits)
    if max(abs(value), error) >= _HUGE or decimals > 12:  # noqa: PLR2004 - more zeros than one reads
        return f"{value:.6g} ± {error:.2g}{tail}"
    shown = f"{round(value, digits):,.{decimals}f}".replace("-", "\N{MINUS SIGN}")
    return f"{shown} ± {round(error, digits):,.{decimals}f}{tail}"


def chance(p_value: float) -> str:
    """Return a p-value; below what chi square's tail can be trusted with, no more than that."""
    return f"{p_value:.2g}" if p_value >= _SMALLEST else f"below {_SMALLEST:g}"


def quoted(value: float, error: float, unit: str = "") -> str:
    """Return a number of a table with its uncertainty, to all the digits that the table has and no more."""
    decimals = max(_decimals(value), _decimals(error))
    tail = f" {unit}" if unit else ""
    return f"{value:,.{decimals}f} ± {error:,.{decimals}f}{tail}" if error else f"{plain_number(value)}{tail}"


def _decimals(value: float) -> int:
    text = format(Decimal(f"{value:.10g}"), "f")
    return len(text.partition(".")[2].rstrip("0"))


def plain_number(value: float) -> str:
    """Return a number to six digits, in groups of three."""
    return f"{value:,.6g}"
