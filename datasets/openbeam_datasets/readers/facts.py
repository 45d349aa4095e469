"""What a planner has to know of a file: how many events, where it may be cut, what is in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from openbeam.models import SIMULATED_TITLE, InspectResult
from uproot.behaviors.RNTuple import HasFields

from openbeam_datasets.readers.lines import csv_facts
from openbeam_datasets.readers.tree import open_tree, reading

__all__ = ["inspect_file"]


def inspect_file(path: Path, tree: str) -> InspectResult:
    """Return entries, cluster boundaries and column names of a tree; of a CSV file, where ``tree`` is empty.

    A chunk that begins and ends at boundaries reads every compressed block once.

    Raises
    ------
    DataUnavailable
        When there is no such file.
    InvalidInput
        When it cannot be read or has no such tree.

    """
    if not tree:
        return csv_facts(path)
    with open_tree(path, tree) as (_, found), reading("The tree"):
        entries = int(found.num_entries)
        if entries < 0:
            raise ValueError(entries)
        inner = {int(offset) for offset in _boundaries(found)}
        return InspectResult(
            entries=entries,
            offsets=sorted({0, entries} | {offset for offset in inner if 0 < offset < entries}),
            columns=[str(name) for name in found.keys(recursive=False)],
            simulated=_title(found).startswith(SIMULATED_TITLE),
        )


def _title(found: Any) -> str:
    return str(found.description if isinstance(found, HasFields) else found.title)


def _boundaries(found: Any) -> list[int]:
    if isinstance(found, HasFields):
        return [summary.num_first_entry for summary in found.ntuple.cluster_summaries]
    offsets: list[int] = found.common_entry_offsets()
    return offsets
