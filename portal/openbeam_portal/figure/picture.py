"""What a final figure is made from: plain data that travels to the process that draws it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Picture"]


@dataclass(frozen=True)
class Picture:
    """One histogram of a run, and what is written around it."""

    uhi: Mapping[str, Any]
    """The histogram, as UHI JSON."""
    experiment: str = ""
    """Chooses the style; stands in bold over the figure."""
    kind: str = ""
    """Stands in italics after the experiment: ``Open Data``."""
    collision: str = ""
    """Over the figure at the right: ``pp, 8 TeV (2012)``."""
    count: str = "Events"
    """Label of the vertical axis where the author gave none."""
    notice: str = ""
    """Written over an incomplete figure."""
    provenance: tuple[str, ...] = ()
    """Lines below the figure."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """Kept in the file, unseen."""
