"""Real events, and an analysis run on them as an engine does it: from its text."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import hist
import pytest
from openbeam.models import FunctionSpec
from openbeam_catalog.catalog import load_catalog
from openbeam_datasets.files import FileCache
from openbeam_datasets.readers import open_events
from openbeam_datasets.record import load_record

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
def events_file(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[str], Path]:
    """Return a function from a dataset's name to a file of its events."""
    cache = FileCache(tmp_path_factory.mktemp("cache"))

    def find(dataset: str) -> Path:
        if dataset == "cms-2010-zmumu":
            return cache.ensure(load_record(dataset).files[0])
        folder: Path = request.getfixturevalue("opendata")
        return folder / "samples" / "cms-2012-doublemu-100k.root"

    return find


def loaded(spec: FunctionSpec) -> ModuleType:
    module = ModuleType(spec.name)
    # dont_inherit: this file's own __future__ import would change how pydantic sees the source.
    exec(compile(spec.source, f"{spec.name}.py", "exec", dont_inherit=True), module.__dict__)
    return module


@pytest.fixture(scope="session")
def run(events_file: Callable[[str], Path]) -> Callable[..., dict[str, hist.Hist[Any]]]:
    """Return a function that runs an analysis over events ``start`` to ``stop`` of its first dataset."""
    modules = {name: loaded(spec) for name, spec in SPECS.items()}

    def go(name: str, start: int, stop: int, **params: Any) -> dict[str, hist.Hist[Any]]:
        module, record = modules[name], load_record(SPECS[name].datasets[0])
        path = events_file(record.name)
        with open_events(path, tree=record.tree, layout=record.layout, start=start, stop=stop) as events:
            histograms: dict[str, hist.Hist[Any]] = module.analyze(events, module.Params(**params))
            return histograms

    return go
