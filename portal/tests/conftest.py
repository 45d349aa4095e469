"""A portal in this process, and one in a process of its own, each upon a stand-in for the service."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import streamlit as st
from openbeam_portal.figure.press import press

# The tests import what is beside this file.
sys.path.insert(0, str(Path(__file__).parent))

from portal_service import StandIn, serving, stand_in
from support.ports import free_port

COOKIE_SECRET = "c" * 48


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """Give a service, and let the pages of this process find it."""
    made = stand_in()
    monkeypatch.setenv("OPENBEAM_URL", made.url)
    with serving(made):
        yield made


@pytest.fixture(autouse=True)
def no_memory() -> None:
    """Forget what earlier tests read: they all have one session."""
    st.cache_data.clear()
    st.cache_resource.clear()


@dataclass(frozen=True)
class Portal:
    """A portal in a process of its own, and the service that it asks."""

    url: str
    service: StandIn
    process: subprocess.Popen[bytes]
    log: Path


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    """Give a running ``openbeam-portal``."""
    home = tmp_path_factory.mktemp("home")
    (home / "keys").mkdir()
    (home / "keys" / "portal-client.secret").write_text("s" * 40)
    (home / "keys" / "cookie.secret").write_text(COOKIE_SECRET)
    url = f"http://127.0.0.1:{free_port()}"
    made = stand_in()
    own = {"OPENBEAM_HOME": str(home), "OPENBEAM_URL": made.url, "OPENBEAM_PORTAL_URL": url}
    log = home / "portal.log"
    with serving(made), log.open("wb") as output:
        command = [sys.executable, "-m", "openbeam_portal.cli"]
        process = subprocess.Popen(command, env={**os.environ, **own}, stdout=output, stderr=output, cwd=home)
        try:
            wait_for(f"{url}/healthz", process)
            yield Portal(url, made, process, log)
        finally:
            process.terminate()
            process.wait(15)


def wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    """Return once a server answers."""
    end = time.monotonic() + 30
    while True:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            assert process.poll() is None, "the server ended"
            assert time.monotonic() < end, "the server did not start"
            time.sleep(0.1)


@pytest.fixture(scope="session", autouse=True)
def _no_press_is_left() -> Iterator[None]:
    yield
    press.close()


@pytest.fixture
def unused_port() -> int:
    """Give a port on which nobody listens."""
    return free_port()
