"""What stands around the figure of a fit: whose data, and how they were made."""

from __future__ import annotations

from dataclasses import dataclass

from openbeam.models import SIMULATED_TITLE, Account, Dataset, Provenance

__all__ = ["Around", "around"]


@dataclass(frozen=True)
class Around:
    """What is written around a figure."""

    experiment: str = ""
    kind: str = ""
    """Stands in italics after the experiment: ``Open Data``, ``Simulated``."""
    collision: str = ""
    notice: str = ""
    """Written over the figure, in a frame."""
    provenance: tuple[str, ...] = ()
    """Lines below the figure."""


def around(run_id: str, made: Provenance, account: Account, dataset: Dataset | None = None) -> Around:
    """Return what to write around a figure of a run's histogram."""
    missing = account.events_expected - account.events_processed
    year = f" ({dataset.year})" if dataset and dataset.year else ""
    settings = ", ".join(f"{name} = {value}" for name, value in made.params.items())
    lines = (f"{made.function}   ·   {made.source()}   ·   {account.sentence()}", settings, f"run {run_id}")
    return Around(
        experiment=dataset.experiment if dataset else "",
        kind=SIMULATED_TITLE if made.simulated else "Open Data" if made.doi else "Local file",
        collision=f"{dataset.collision}{year}".strip() if dataset else "",
        notice=f"Incomplete: {missing:,} of {account.events_expected:,} events are missing" if missing else "",
        provenance=tuple(line for line in lines if line),
    )
