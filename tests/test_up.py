"""``make up`` on an installed tree: first histogram in the terminal, and Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.stack import REPOSITORY, Stack


@pytest.mark.timeout(240)
def test_up_proves_itself_and_ctrl_c_stops_everything(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "a home with spaces")
    try:
        seconds = stack.start()
        assert "Press Ctrl-C to stop" in stack.terminal()
        secrets = [*(stack.home / "keys").iterdir(), *(stack.home / "tokens").iterdir()]
        assert secrets
        assert all(stat.S_IMODE(secret.stat().st_mode) == 0o600 for secret in secrets)
    finally:
        left = stack.stop()
    print(f"first histogram {seconds:.1f} s after launch/up")
    assert left == []
    assert stack.process is not None
    assert stack.process.returncode == 0
    for url in (stack.url, stack.portal_url):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) != 0


@pytest.mark.timeout(240)
def test_a_second_start_keeps_what_the_first_one_made(tmp_path: Path) -> None:
    first = Stack(tmp_path)
    try:
        first.start()
        with first.client() as client:
            before = {function.id for function in client.functions()}, client.endpoint("local").id
            runs = [run.id for run in client.runs()]
    finally:
        assert first.stop() == []
    second = Stack(tmp_path)
    second.url, second.portal_url, second.environment = first.url, first.portal_url, first.environment
    try:
        second.start()
        with second.client() as client:
            assert ({function.id for function in client.functions()}, client.endpoint("local").id) == before
            assert runs[0] in [run.id for run in client.runs()]
            assert client.get_run(runs[0]).account.events_processed == 2304
    finally:
        assert second.stop(signal.SIGHUP) == []  # this time by closing the terminal


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", urlsplit(stack.portal_url).port or 0))
        other.listen()
        said = stack.run_tool(str(REPOSITORY / "launch" / "up"))
    assert said.returncode == 1
    assert len(said.stderr.strip().splitlines()) == 1
    assert "OPENBEAM_PORTAL_URL" in said.stderr


def test_make_up_is_launch_up() -> None:
    said = subprocess.run(["make", "-n", "up"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "launch/up" in said.stdout.splitlines()
    assert os.access(REPOSITORY / "launch" / "up", os.X_OK)
