"""A range of a file's events: a tree's as coffea's NanoEvents, read when they are used; a CSV file's at once."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import numpy as np
import vector
from coffea.nanoevents import BaseSchema, NanoAODSchema, NanoEventsFactory, PHYSLITESchema
from openbeam.errors import InvalidInput
from openbeam.models import Layout

from openbeam_datasets.readers.lines import open_lines, warm_lines
from openbeam_datasets.readers.tree import open_tree, reading

__all__ = ["open_events"]


class OutreachSchema(NanoAODSchema):  # type: ignore[misc]  # coffea is not typed
    """NanoAOD, and files that keep only a part of it, as those made for outreach do."""

    event_ids: ClassVar[list[str]] = []
    warn_missing_crossrefs = False


_SCHEMAS = {Layout.nanoaod: OutreachSchema, Layout.flat: BaseSchema, Layout.physlite: PHYSLITESchema}


def _warm() -> None:
    """Load now what coffea, awkward and vector load at first use, so that a forked worker finds it loaded."""
    for schema in _SCHEMAS.values():
        schema.behavior()
    one = ak.from_numpy(np.ones(1))
    muon = vector.zip({"pt": one, "eta": one, "phi": one, "mass": one})
    ak.to_numpy((muon + muon).mass)
    warm_lines()


_warm()


@contextmanager
def open_events(path: Path, *, tree: str, layout: Layout, start: int, stop: int) -> Iterator[Any]:
    """Give the events from ``start`` up to ``stop`` of a file, for use inside the block.

    A tree's columns are read when they are first used, so nothing can be read after the block.

    Raises
    ------
    DataUnavailable
        When there is no such file.
    InvalidInput
        When it cannot be read, has no such tree, or has no such range.

    """
    if layout is Layout.csv:
        with open_lines(path, start, stop) as events:
            yield events
        return
    with open_tree(path, tree) as (directory, found):
        # coffea cuts a range that reaches over the end; events would be missing and nobody would know.
        if not 0 <= start <= stop <= found.num_entries:
            raise InvalidInput(
                f"The tree has {found.num_entries:,} events; there is no range {start:,} to {stop:,} in it.",
                start=start,
                stop=stop,
                entries=found.num_entries,
            )
        # A full NanoAOD or PHYSLITE file has hundreds of columns that coffea says it skips; nobody asked for them.
        with reading("The tree"), warnings.catch_warnings(action="ignore"):
            factory = NanoEventsFactory.from_root(
                directory,
                treepath=tree,
                mode="virtual",
                schemaclass=_SCHEMAS[layout],
                entry_start=start,
                entry_stop=stop,
            )
            events = factory.events()
        yield events
