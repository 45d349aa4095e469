"""Each analysis of the catalog beside the numbers that others got for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from openbeam.errors import DataUnavailable
from openbeam_catalog.catalog import FOLDER, load_catalog
from openbeam_catalog.reference import Number, Reference, load_reference
from openbeam_datasets.record import load_record

from support.runs import Runs
from support.second import second

__all__ = ["Line", "Row", "compare", "names", "remark"]


@dataclass(frozen=True)
class Line:
    """One number: the reference, and what was found."""

    number: Number
    found: float

    @property
    def agrees(self) -> bool:
        """Say whether the two are the same within the tolerance."""
        return self.number.agrees(self.found)


@dataclass(frozen=True)
class Row:
    """One analysis: on which events, what came out, and whether it is what others got."""

    name: str
    reference: Reference
    entries: int = 0
    """Of its first histogram, those beyond the ends of the axes included."""
    lines: list[Line] = field(default_factory=list)
    missing: str = ""
    """Why there are no events; empty where there are."""
    failure: str = ""
    """What the analysis raised; empty when it did not."""

    @property
    def agrees(self) -> bool:
        """Say whether it was run, and every number is what it should be."""
        return not self.missing and not self.failure and all(line.agrees for line in self.lines)


def names() -> list[str]:
    """Return the names of all analyses."""
    return [spec.name for spec in load_catalog()]


def remark(reference: Reference) -> str:
    """Return what has to be said of the events: that they are simulated, or in what form they are at hand."""
    simulated = load_record(reference.dataset).simulated and "simulated" not in reference.at_hand
    return ", ".join(filter(None, ["simulated" if simulated else "", reference.at_hand]))


def compare(name: str, run: Runs) -> Row:
    """Run one analysis and hold it to its reference; without events, the row says why."""
    reference = load_reference(FOLDER / name)
    try:
        lines = list(_lines(name, reference, run))
        first = next(iter(run(name, *reference.events).values()))
    except DataUnavailable as error:
        return Row(name, reference, missing=error.message)
    return Row(name, reference, int(first.sum(flow=True)), lines)


def _lines(name: str, reference: Reference, run: Runs) -> Iterable[Line]:
    theirs = second(run.files, reference)
    for number in reference.numbers:
        found = run(name, *reference.events, **number.params)[number.histogram]
        yield Line(number, number.read(found, theirs))
