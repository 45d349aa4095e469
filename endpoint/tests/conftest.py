"""A service of the module's own, and command lines that belong to it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from openbeam import Client

# The tests import what is beside this file.
sys.path.insert(0, str(Path(__file__).parent))

from endpoint_kit import BIN, Site, free_port


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    home = tmp_path_factory.mktemp("home")
    url = f"http://127.0.0.1:{free_port()}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OPENBEAM_")}
    own = {
        "OPENBEAM_HOME": str(home),
        "OPENBEAM_URL": url,
        "OPENBEAM_WORKERS": "2",
        "OPENBEAM_OPENDATA_MIRROR": str(home / "mirror"),
        "HOME": str(home),
        "PATH": f"{BIN}:{kept['PATH']}",
    }
    site = Site(home, url, kept | own)
    assert site.run("openbeam-service", "init").returncode == 0
    with ExitStack() as stack:
        valkey = site.spawn("openbeam-service", "valkey")
        stack.callback(valkey.wait)
        stack.callback(valkey.terminate)
        site.serve()
        stack.callback(site.stop_serving)
        yield site


@pytest.fixture
def operator(site: Site) -> Iterator[Client]:
    with site.client() as client:
        yield client
