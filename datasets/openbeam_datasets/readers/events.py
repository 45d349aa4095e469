"""A range of a file's events, as coffea's NanoEvents: nothing is read until it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

import awkward as ak
import numpy as np
import vector
from coffea.nanoevents import BaseSchema, NanoAODSchema, NanoEventsFactory
from openbeam.errors import InvalidInput
from openbeam.models import Layout

from openbeam_datasets.readers.tree import open_tree, reading

__all__ = ["open_events"]


class OutreachSchema(NanoAODSchema):  # type: ignore[misc]  # coffea is not typed
    """NanoAOD, and files that keep only a part of it, as those made for outreach do."""

    event_ids: ClassVar[list[str]] = []
    warn_missing_crossrefs = False


_SCHEMAS = {Layout.nanoaod: OutreachSchema, Layout.flat: BaseSchema}


def _warm() -> None:
    """Load now what coffea, awkward and vector load at first use, so that a forked worker finds it loaded."""
    for schema in _SCHEMAS.values():
        schema.behavior()
    one = ak.from_numpy(np.ones(1))
    muon = vector.zip({"pt": one, "eta": one, "phi": one, "mass": one})
    ak.to_numpy((muon + muon).mass)


_warm()


@contextmanager
def open_events(path: Path, *, tree: str, layout: Layout, start: int, stop: int) -> Iterator[Any]:
    """Give the events from ``start`` up to ``stop`` of a file, for use inside the block.

    Columns are read from the file when they are first used, so nothing can be read after the block.

    Raises
    ------
    DataUnavailable
        When there is no such file.
    InvalidInput
        When it cannot be read, has no such tree, or has no such range.

    """
    with open_tree(path, tree) as (directory, found):
        # coffea cuts a range that reaches over the end; events would be missing and nobody would know.
        if not 0 <= start <= stop <= found.num_entries:
            raise InvalidInput(
                f"The tree has {found.num_entries:,} events; there is no range {start:,} to {stop:,} in it.",
                start=start,
                stop=stop,
                entries=found.num_entries,
            )
        with reading("The tree"):
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
