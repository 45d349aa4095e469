"""An analysis tried on a few events in a sandbox: that it runs, how fast, and that its pieces add up."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Protocol

from openbeam.authoring.findings import Finding, of_parameters
from openbeam.authoring.folder import Folder
from openbeam.errors import OpenbeamError, TaskError
from openbeam.models import ChunkResult

if TYPE_CHECKING:
    import hist

__all__ = ["Bench", "try_out"]

_PIECES: Final = 4
_NEARLY: Final = 1e-9
"""How far a sum of pieces may be off: adding in another order rounds otherwise."""


class Bench(Protocol):
    """Where an analysis is tried: ``openbeam-endpoint`` brings it."""

    events: int
    """Of the sample."""
    simulated: bool
    isolation: str

    def parameters(self, name: str, source: str) -> dict[str, Any]:
        """Return the JSON Schema of the parameters."""

    def run(self, name: str, source: str, params: dict[str, Any], start: int, stop: int) -> ChunkResult:
        """Return what the analysis makes of some events."""


def try_out(folder: Folder, bench: Bench) -> Iterator[Finding]:
    """Yield what is found, one thing after the other; it ends at what makes the rest pointless."""
    try:
        schema = bench.parameters(folder.name, folder.source)
        yield from of_parameters(schema)
        whole = bench.run(folder.name, folder.source, _defaults(schema), 0, bench.events)
    except TaskError as error:
        yield Finding(good=False, what=f"run: {_where(error)}")
        return
    yield _ran(bench, whole)
    yield from _of_labels(whole)
    yield _adds_up(folder, bench, schema, whole)
    yield from _at_the_ends(folder, bench, schema)


def _where(error: OpenbeamError) -> str:
    code = error.details.get("code")
    return f"{error.message} ({code})" if code else error.message


def _defaults(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {name: one["default"] for name, one in schema.get("properties", {}).items() if "default" in one}


def _ran(bench: Bench, whole: ChunkResult) -> Finding:
    kind = "simulated events" if bench.simulated else "events"
    walls = "without a sandbox, as none works here" if bench.isolation == "none" else f"in {bench.isolation}"
    names = ", ".join(whole.histograms)
    speed = f"{whole.seconds / max(whole.events, 1) * 1e6:,.0f} µs an event" if whole.events else "no events"
    return Finding(good=True, what=f"run: {whole.events:,} {kind} {walls} gave {names}; {speed}")


def _of_labels(whole: ChunkResult) -> Iterator[Finding]:
    from openbeam.histograms import from_uhi  # takes a second to import

    for name, uhi in whole.histograms.items():
        histogram: hist.Hist[Any] = from_uhi(uhi)
        # hist shows the name, or "Axis 0", where an author wrote no label.
        bare = [axis.name or str(n) for n, axis in enumerate(histogram.axes) if axis.label in {axis.name, f"Axis {n}"}]
        if bare:
            axes = ", ".join(bare)
            yield Finding(good=False, what=f'{name}: axis {axes} has no label. Give it label="Dimuon mass [GeV]".')


def _adds_up(folder: Folder, bench: Bench, schema: Mapping[str, Any], whole: ChunkResult) -> Finding:
    """Compare one chunk with several: an endpoint cuts the events anywhere."""
    from openbeam.histograms import add, from_uhi  # as above

    cuts = [bench.events * piece // _PIECES for piece in range(_PIECES + 1)]
    total: dict[str, Any] = {}
    try:
        for start, stop in pairwise(cuts):
            part = bench.run(folder.name, folder.source, _defaults(schema), start, stop)
            total |= {name: add(total.get(name), from_uhi(uhi)) for name, uhi in part.histograms.items()}
    except OpenbeamError as error:
        return Finding(good=False, what=f"pieces: {_where(error)}")
    wrong = [name for name, uhi in whole.histograms.items() if not _alike(from_uhi(uhi), total.get(name))]
    if wrong or total.keys() != whole.histograms.keys():
        names = ", ".join(wrong) or ", ".join(total.keys() ^ whole.histograms.keys())
        advice = "Let each event count by itself: nothing may be sorted, numbered or averaged over all of them."
        return Finding(good=False, what=f"pieces: {names} of one chunk and of {_PIECES} differ. {advice}")
    return Finding(good=True, what=f"pieces: {_PIECES} chunks give the same histograms as one")


def _alike(one: hist.Hist[Any], other: hist.Hist[Any] | None) -> bool:
    import numpy as np  # as above

    if other is None or one.axes != other.axes:
        return False
    same = np.allclose(one.values(flow=True), other.values(flow=True), _NEARLY, _NEARLY, equal_nan=True)
    first, second = one.variances(flow=True), other.variances(flow=True)
    # A sum of plain counts does not know its variances: they are the counts.
    return bool(same) and (
        first is None or second is None or bool(np.allclose(first, second, _NEARLY, _NEARLY, equal_nan=True))
    )


def _at_the_ends(folder: Folder, bench: Bench, schema: Mapping[str, Any]) -> Iterator[Finding]:
    """Run with each parameter at the ends of its range, and with each of its choices."""
    tried = 0
    for name, one in schema.get("properties", {}).items():
        for value in _ends(one):
            tried += 1
            params = {**_defaults(schema), name: value}
            try:
                bench.run(folder.name, folder.source, params, 0, bench.events)
            except OpenbeamError as error:
                yield Finding(good=False, what=f"{name} = {value}: {_where(error)}")
                return
    yield Finding(good=True, what=f"ends: runs with each parameter at the ends of its range ({tried} runs)")


def _ends(one: Mapping[str, Any]) -> list[Any]:
    if "enum" in one:
        return list(one["enum"])
    if one.get("type") == "boolean":
        return [False, True]
    found = [one[key] for key in ("minimum", "maximum") if key in one]
    if one.get("type") == "integer":
        return [math.ceil(value) for value in found]
    return found
