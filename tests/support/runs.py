"""An analysis run as an engine does it: from its text, over a range of a dataset's events."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import cache, reduce
from itertools import accumulate, pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import hist
from openbeam import histograms
from openbeam.models import DatasetSpec, FunctionSpec
from openbeam_catalog.catalog import load_function
from openbeam_datasets.readers import inspect_file, open_events
from openbeam_datasets.record import load_record

__all__ = ["Files", "Histograms", "Runs"]

Histograms = dict[str, hist.Hist[Any]]
Files = Callable[[str], list[Path]]
"""From a dataset's name to the files with its events."""
Piece = tuple[Path, int, int]


class Runs:
    """Runs analyses of the catalog, each with the same settings over the same events once."""

    def __init__(self, files: Files) -> None:
        self.files = files
        self._done: dict[str, Histograms] = {}

    def __call__(self, name: str, start: int, stop: int, dataset: str = "", **params: Any) -> Histograms:
        """Return the histograms of events ``start`` to ``stop`` of a dataset, the analysis' first one by default.

        Events are counted through the dataset's files, one after the other; what each gives is added up.
        """
        key = json.dumps([name, start, stop, dataset, params], sort_keys=True)
        if key not in self._done:
            (self._done[key],) = self._run(name, start, stop, dataset, [params])
        return self._done[key]

    def all_of(self, name: str, start: int, stop: int, settings: Sequence[dict[str, Any]]) -> list[Histograms]:
        """Return the histograms with each of these settings; every file is opened once."""
        return self._run(name, start, stop, "", settings)

    def _run(
        self, name: str, start: int, stop: int, dataset: str, settings: Sequence[dict[str, Any]]
    ) -> list[Histograms]:
        spec, module = _loaded(name)
        record = _record(dataset or spec.datasets[0])
        parts: list[list[Histograms]] = [[] for _ in settings]
        for path, first, last in _pieces(self.files(record.name), record, start, stop):
            with open_events(path, tree=record.tree, layout=record.layout, start=first, stop=last) as events:
                for part, params in zip(parts, settings, strict=True):
                    part.append(module.analyze(events, module.Params(**params)))
        return [{key: reduce(histograms.add, [one[key] for one in part]) for key in part[0]} for part in parts]


_record = cache(load_record)


@cache
def _loaded(name: str) -> tuple[FunctionSpec, ModuleType]:
    spec = load_function(name)
    module = ModuleType(spec.name)
    # dont_inherit: this file's own __future__ import would change how pydantic sees the source.
    exec(compile(spec.source, f"{spec.name}.py", "exec", dont_inherit=True), module.__dict__)
    return spec, module


@cache
def _entries(path: Path, tree: str) -> int:
    return inspect_file(path, tree).entries


def _pieces(paths: list[Path], record: DatasetSpec, start: int, stop: int) -> list[Piece]:
    edges = list(accumulate((_entries(path, record.tree) for path in paths), initial=0))
    edges[-1] = max(edges[-1], stop)  # a range over the end is the last file's to refuse
    cut = [
        (path, max(start, low) - low, min(stop, high) - low)
        for path, (low, high) in zip(paths, pairwise(edges), strict=True)
    ]
    # No events at all are no events of the first file.
    return [piece for piece in cut if piece[1] < piece[2]] or [(paths[0], 0, stop - start)]
