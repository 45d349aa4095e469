"""The toy as a ROOT file: written cluster by cluster, so that a file of any size needs the memory of one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, Final

import awkward as ak
import numpy as np
import uproot
from openbeam.errors import InvalidInput
from openbeam.models import SIMULATED_TITLE

from openbeam_datasets.simulate.events import BLOCK, draw_block

__all__ = ["MOST_EVENTS", "simulate"]

MOST_EVENTS: Final = 1_000_000_000
LARGEST_SEED: Final = 2**63 - 1
_BLOCKS_A_CLUSTER: Final = 10
"""The clusters of the record's file have 822,000 events as well."""

_COLUMNS: Final = {
    "Muon_pt": "var * float32",
    "Muon_eta": "var * float32",
    "Muon_phi": "var * float32",
    "Muon_mass": "var * float32",
    "Muon_charge": "var * int32",
}
_TITLE: Final = f"{SIMULATED_TITLE} events, a toy of CERN Open Data record 12341 (seed {{seed}})"

OnProgress = Callable[[int, int], None]
"""Called with the events that are written, and those of the whole file."""


def simulate(path: Path, *, events: int, seed: int = 1, on_progress: OnProgress | None = None) -> None:
    """Write a toy of record 12341 (tree ``Events``, columns ``nMuon`` and ``Muon_pt`` … ``Muon_charge``).

    The same seed gives the same events, and a smaller file the first events of a larger one. The title of the tree
    says that they are simulated. The file appears when it is complete.

    Raises
    ------
    InvalidInput
        When there is a file of this name, it cannot be written, or a number is out of its range.

    """
    _check("events", events, 1, MOST_EVENTS)
    _check("seed", seed, 0, LARGEST_SEED)
    if path.exists():
        raise InvalidInput(f"{path} is there already. Choose another name, or remove it first.", field="path")
    part = path.with_name(f".{path.name}.part")
    try:
        _write(part, events, seed, on_progress)
        part.rename(path)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be written: {error.strerror or error}.", field="path") from error
    finally:
        with suppress(OSError):
            part.unlink()


def _check(field: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InvalidInput(f"{field} must be from {low:,} to {high:,}.", field=field)


def _write(path: Path, events: int, seed: int, on_progress: OnProgress | None) -> None:
    written = 0
    with uproot.recreate(path, compression=uproot.ZLIB(1)) as file:
        tree = file.mktree(
            "Events", _COLUMNS, title=_TITLE.format(seed=seed), counter_name=lambda _: "nMuon", field_name=_no_field
        )
        for cluster, size in _clusters(events, seed):
            tree.extend(cluster)
            written += size
            if on_progress:
                on_progress(written, events)


def _no_field(outer: str, inner: str) -> str:
    return f"{outer}_{inner}"


def _clusters(events: int, seed: int) -> Iterator[tuple[dict[str, Any], int]]:
    """Yield the columns of each cluster, and its events."""
    numbers = count()
    while events > 0:
        blocks = [draw_block(seed, next(numbers)) for _ in range(min(_BLOCKS_A_CLUSTER, -(-events // BLOCK)))]
        counts = np.concatenate([counts for counts, _ in blocks])[:events]
        muons = int(counts.sum())
        yield (
            {
                name: ak.unflatten(
                    np.concatenate([block[name.removeprefix("Muon_")] for _, block in blocks])[:muons], counts
                )
                for name in _COLUMNS
            },
            len(counts),
        )
        events -= len(counts)
