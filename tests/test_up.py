"""``make up`` on an installed tree: first histogram in the terminal, and Ctrl-C leaves nothing."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.stack import REPOSITORY, Stack


@dataclass(frozen=True)
class FirstTime:
    """What was seen of a first start, from ``launch/up`` to Ctrl-C."""

    stack: Stack
    seconds: float
    """Until the first histogram."""
    functions: set[str]
    endpoint: str
    run: str
    left: list[str]
    """Processes and files that Ctrl-C has not ended."""


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> FirstTime:
    """Start a new home, and stop it by Ctrl-C."""
    stack = Stack(tmp_path_factory.mktemp("up") / "a home with spaces")
    left: list[str] = []
    try:
        seconds = stack.start()
        with stack.client() as client:
            functions = {function.id for function in client.functions()}
            endpoint, (run, *_) = client.endpoint("local").id, client.runs()
    finally:
        left += stack.stop()
    return FirstTime(stack, seconds, functions, endpoint, run.id, left)


@pytest.mark.timeout(240)
def test_up_proves_itself_and_ctrl_c_stops_everything(first: FirstTime) -> None:
    stack = first.stack
    print(f"first histogram {first.seconds:.1f} s after launch/up")
    assert "Press Ctrl-C to stop" in stack.terminal()
    secrets = [*(stack.home / "keys").iterdir(), *(stack.home / "tokens").iterdir()]
    assert secrets
    assert all(stat.S_IMODE(secret.stat().st_mode) == 0o600 for secret in secrets)
    assert first.left == []
    assert stack.process is not None
    assert stack.process.returncode == 0
    for url in (stack.url, stack.portal_url):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) != 0


@pytest.mark.timeout(240)
def test_a_second_start_keeps_what_the_first_one_made(first: FirstTime) -> None:
    second = Stack(first.stack.home)
    second.url, second.portal_url = first.stack.url, first.stack.portal_url
    second.environment |= {"OPENBEAM_URL": second.url, "OPENBEAM_PORTAL_URL": second.portal_url}
    try:
        second.start()
        with second.client() as client:
            assert {function.id for function in client.functions()} == first.functions
            assert client.endpoint("local").id == first.endpoint
            assert first.run in [run.id for run in client.runs()]
            assert client.get_run(first.run).account.events_processed == 2304
    finally:
        assert second.stop(signal.SIGHUP) == []  # this time by closing the terminal


def test_an_address_that_is_taken_is_named(tmp_path: Path) -> None:
    stack = Stack(tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", urlsplit(stack.portal_url).port or 0))
        other.listen()
        said = stack.run_tool(str(REPOSITORY / "launch" / "up"))
    stack.clear_away()
    assert said.returncode == 1
    assert len(said.stderr.strip().splitlines()) == 1
    assert "OPENBEAM_PORTAL_URL" in said.stderr


def test_make_up_is_launch_up() -> None:
    said = subprocess.run(["make", "-n", "up"], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert "launch/up" in said.stdout.splitlines()
    assert os.access(REPOSITORY / "launch" / "up", os.X_OK)
