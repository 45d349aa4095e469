"""Real events."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from openbeam_datasets.files import FileCache
from openbeam_datasets.record import load_record


@pytest.fixture(scope="session")
def opendata() -> Path:
    """Return the folder of real events beside the repository."""
    beside = Path(__file__).parents[3] / "shared" / "opendata"
    folder = Path(os.environ.get("OPENBEAM_TEST_OPENDATA", beside))
    if not folder.is_dir():
        pytest.skip("REAL EVENTS ARE NOT HERE: put them beside the repository or set OPENBEAM_TEST_OPENDATA")
    return folder


@pytest.fixture(scope="session")
def zmumu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the file of cms-2010-zmumu, as the cache keeps it."""
    (file,) = load_record("cms-2010-zmumu").files
    return FileCache(tmp_path_factory.mktemp("cache")).ensure(file)
