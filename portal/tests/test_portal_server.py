"""The portal as a program: it starts, says how it is, has one address, and ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import psutil


def get(url: str, **more: Any) -> httpx.Response:
    """Ask without following."""
    return httpx.get(url, trust_env=False, follow_redirects=False, timeout=10, **more)


def test_it_says_how_it_is(portal: Any) -> None:
    assert get(f"{portal.url}/healthz").json() == {"status": "ok"}


def test_it_has_one_address(portal: Any) -> None:
    answer = get(portal.url.replace("127.0.0.1", "localhost") + "/runs?page=2")
    assert (answer.status_code, answer.headers["location"]) == (307, f"{portal.url}/runs?page=2")


def test_it_is_of_modest_size(portal: Any) -> None:
    memory = psutil.Process(portal.process.pid).memory_info().rss
    assert memory < 300 * 2**20, f"{memory / 2**20:.0f} MiB"
    assert not psutil.Process(portal.process.pid).children(), "nothing is drawn, so no press is needed"


def test_it_keeps_no_pictures_library_in_its_own_process(portal: Any) -> None:
    maps = Path(f"/proc/{portal.process.pid}/maps")
    if maps.exists():
        assert "matplotlib" not in maps.read_text()


def test_without_secrets_it_says_what_to_run(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "openbeam_portal.cli"]
    environ = {**os.environ, "OPENBEAM_HOME": str(tmp_path)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 2
    assert "openbeam-service init" in done.stderr
    assert "Traceback" not in done.stderr
