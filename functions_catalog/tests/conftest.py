"""Real events, and an analysis run on them as an engine does it: from its text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from openbeam_datasets.record import load_record
from support.at_hand import opendata_folder
from support.events import Shelf, needs_opendata
from support.runs import Runs


@pytest.fixture(scope="session")
def opendata() -> Path:
    """Return the folder of real events beside the repository."""
    folder = opendata_folder()
    if folder is None:
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


@pytest.fixture(scope="session")
def run(events_files: Callable[[str], list[Path]]) -> Runs:
    """Return what runs an analysis over events ``start`` to ``stop`` of a dataset, its first one by default."""
    return Runs(events_files)
