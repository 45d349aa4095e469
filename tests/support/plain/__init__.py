"""Second implementations of analyses: event by event in plain Python, sharing no code with the analyses themselves.

Each takes files, a range of events over them and an analysis' parameters, and returns histogram to values, the bins
beyond the ends included.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from support.plain.agc_ttbar import agc_ttbar
from support.plain.atlas_4l import atlas_4l
from support.plain.atlas_diphoton import atlas_diphoton
from support.plain.bins import Bins
from support.plain.higgs_4l_nanoaod import higgs_4l_nanoaod
from support.plain.higgs_tautau import higgs_tautau
from support.plain.lhcb_b_hhh import lhcb_b_hhh

__all__ = ["PLAIN"]

PLAIN: Final[dict[str, Callable[..., Bins]]] = {
    "agc_ttbar": agc_ttbar,
    "atlas_4l": atlas_4l,
    "atlas_diphoton": atlas_diphoton,
    "higgs_4l_nanoaod": higgs_4l_nanoaod,
    "higgs_tautau": higgs_tautau,
    "lhcb_b_hhh": lhcb_b_hhh,
}
"""Analysis to its second implementation."""
