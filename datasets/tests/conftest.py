"""Real events, and a web server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openbeam_datasets.files import FileCache
from openbeam_datasets.record import load_record

# The tests import what is beside this file.
sys.path.insert(0, str(Path(__file__).parent))

from datasets_site import Site, serving


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


@pytest.fixture
def site() -> Iterator[Site]:
    """Return a running web server with one file."""
    with serving() as served:
        yield served


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between attempts."""
    monkeypatch.setattr("openbeam_datasets.fetch.FIRST_PAUSE", 0.01)
