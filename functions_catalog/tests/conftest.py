"""Real events, and an analysis run on them as an engine does it: from its text."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache, reduce
from itertools import accumulate, pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

import hist
import pytest
from openbeam import histograms
from openbeam.models import FunctionSpec
from openbeam_catalog.catalog import load_catalog
from openbeam_datasets.readers import inspect_file, open_events
from openbeam_datasets.record import load_record
from support.events import Shelf, needs_opendata

SPECS = {spec.name: spec for spec in load_catalog()}


@pytest.fixture(scope="session")
def opendata() -> Path:
    """Return the folder of real events beside the repository."""
    beside = Path(__file__).parents[3] / "shared" / "opendata"
    folder = Path(os.environ.get("OPENBEAM_TEST_OPENDATA", beside))
    if not folder.is_dir():
        pytest.skip("REAL EVENTS ARE NOT HERE: put them beside the repository or set OPENBEAM_TEST_OPENDATA")
    return folder


@pytest.fixture(scope="session")
def events_files(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Callable[[str], list[Path]]:
    """Return a function from a dataset's name to the files at hand with its events."""
    scratch = tmp_path_factory.mktemp("events")

    @cache
    def find(dataset: str) -> list[Path]:
        spec = load_record(dataset)
        folder = request.getfixturevalue("opendata") if needs_opendata(spec) else scratch
        return Shelf(folder, scratch).files(spec)

    return find


def loaded(spec: FunctionSpec) -> ModuleType:
    module = ModuleType(spec.name)
    # dont_inherit: this file's own __future__ import would change how pydantic sees the source.
    exec(compile(spec.source, f"{spec.name}.py", "exec", dont_inherit=True), module.__dict__)
    return module


@pytest.fixture(scope="session")
def run(events_files: Callable[[str], list[Path]]) -> Callable[..., dict[str, hist.Hist[Any]]]:
    """Return a function that runs an analysis over events ``start`` to ``stop`` of a dataset, its first one by default.

    Events are counted through the dataset's files, one after the other; what each gives is added up.
    """
    modules = {name: loaded(spec) for name, spec in SPECS.items()}

    @cache
    def entries(path: Path, tree: str) -> int:
        return inspect_file(path, tree).entries

    def pieces(paths: list[Path], tree: str, start: int, stop: int) -> list[tuple[Path, int, int]]:
        edges = list(accumulate((entries(path, tree) for path in paths), initial=0))
        edges[-1] = max(edges[-1], stop)  # a range over the end is the last file's to refuse
        cut = [
            (path, max(start, low) - low, min(stop, high) - low)
            for path, (low, high) in zip(paths, pairwise(edges), strict=True)
        ]
        return [piece for piece in cut if piece[1] < piece[2]] or [(paths[0], start, stop)]

    def go(name: str, start: int, stop: int, dataset: str = "", **params: Any) -> dict[str, hist.Hist[Any]]:
        module, record = modules[name], load_record(dataset or SPECS[name].datasets[0])
        parts = []
        for path, first, last in pieces(events_files(record.name), record.tree, start, stop):
            with open_events(path, tree=record.tree, layout=record.layout, start=first, stop=last) as events:
                parts.append(module.analyze(events, module.Params(**params)))
        return {key: reduce(histograms.add, [part[key] for part in parts]) for key in parts[0]}

    return go
