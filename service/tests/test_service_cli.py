"""The command ``openbeam-service``. ``serve`` and ``valkey`` run as processes under every other test here."""

from __future__ import annotations

import io
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openbeam_service.cli import main

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(service: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Return a function that runs a command in this process: exit status, output, errors."""

    def command(home: Path, *arguments: str, typed: str = "", **environment: str) -> tuple[int, str, str]:
        if home == service.home.root:
            monkeypatch.setenv("OPENBEAM_DATABASE", service.settings.database)
        for name, value in {"OPENBEAM_HOME": str(home), **environment}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "argv", ["openbeam-service", *arguments])
        monkeypatch.setattr(sys, "stdin", io.StringIO(typed))
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code or 0, *capsys.readouterr()

    return command


def test_init_keeps_what_is_there_and_nothing_is_readable_by_others(tmp_path: Path, run: Run) -> None:
    home = tmp_path / "home"
    assert run(home, "init")[0] == 0
    secrets = [*(home / "keys").iterdir(), home / "tokens" / "operator", home / "setup-link"]
    before = {path: path.read_bytes() for path in secrets}
    assert {path.name for path in before} == {
        "issuer.jwk",
        "session.secret",
        "portal-client.secret",
        "cookie.secret",
        "tickets.secret",
        "operator",
        "setup-link",
    }
    status, said, problems = run(home, "init")
    assert (status, problems) == (0, "")
    assert (home / "setup-link").read_text().strip() in said
    assert {path: path.read_bytes() for path in secrets} == before
    assert {stat.S_IMODE(path.stat().st_mode) for path in secrets} == {0o600}
    folders = [home / name for name in ("keys", "tokens", "files", "log", "valkey", "run")]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}


def test_users_and_tokens(service: Any, run: Run) -> None:
    home = service.home.root
    added = run(home, "user", "add", "tess", "--role", "teacher", "--password-stdin", typed="a long password\n")
    assert added == (0, "Added tess (teacher).\n", "")
    lines = [line.split() for line in run(home, "user", "list")[1].splitlines()]
    assert ["operator", "admin", "no", "password"] in lines
    assert ["tess", "teacher", "password"] in lines
    token = run(home, "token", "tess", "--days", "3")[1].strip()
    assert service.whoami(token).json()["name"] == "tess"
    assert run(home, "user", "set", "tess", "--role", "student") == (0, "Changed tess.\n", "")
    assert service.whoami(token).json()["role"] == "student"
    run(home, "user", "set", "tess", "--close")
    assert service.whoami(token).status_code == 401
    run(home, "user", "set", "tess", "--open", "--password-stdin", typed="another long password\n")
    assert service.whoami(token).status_code == 200


def test_a_setup_link_replaces_the_one_before(service: Any, run: Run) -> None:
    old = (service.home.root / "setup-link").read_text().strip()
    new = run(service.home.root, "setup-link", OPENBEAM_URL=service.url)[1].strip()
    assert new == (service.home.root / "setup-link").read_text().strip()
    assert service.anyone.get(old).status_code == 404
    assert service.anyone.get(new).status_code == 200


@pytest.mark.parametrize(
    ("arguments", "typed", "expected"),
    [
        (("user", "add", "Not a name"), "", "small letters"),
        (("user", "add", "operator"), "", "taken"),
        (("user", "add", "brief", "--password-stdin"), "short\n", "at least 10 characters"),
        (("token", "operater"), "", "Did you mean operator"),
    ],
)
def test_a_mistake_is_one_plain_line(
    service: Any, run: Run, arguments: tuple[str, ...], typed: str, expected: str
) -> None:
    status, said, problem = run(service.home.root, *arguments, typed=typed)
    assert (status, said) == (1, "")
    assert len(problem.splitlines()) == 1
    assert expected in problem


@pytest.mark.parametrize("command", [("serve",), ("token", "operator"), ("setup-link",)])
def test_before_init_every_command_says_so(tmp_path: Path, run: Run, command: tuple[str, ...]) -> None:
    status, _, problem = run(tmp_path / "empty", *command)
    assert status == 1
    assert "openbeam-service init" in problem
    assert len(problem.splitlines()) == 1


def test_a_wrong_setting_is_named(tmp_path: Path, run: Run) -> None:
    status, _, problem = run(tmp_path, "init", OPENBEAM_URL="http://school.example")
    assert status == 1
    assert problem.startswith("openbeam-service: OPENBEAM_URL: must be https://")


def test_quotas(service: Any, run: Run) -> None:
    home = service.home.root
    assert run(home, "user", "add", "quota-quinn")[0] == 0
    assert run(home, "quota", "set", "quota-quinn", "--runs", "3", "--cpu-hours", "1.5")[0] == 0
    assert "user   quota-quinn" in (listed := run(home, "quota", "list")[1])
    assert "runs 3, cpu_seconds 5,400" in listed
    assert run(home, "quota", "set", "quota-quinn")[0] == 0
    assert "quota-quinn" not in run(home, "quota", "list")[1]
    status, _, problem = run(home, "quota", "set", "quota-quin", "--runs", "3")
    assert status == 1
    assert "Did you mean quota-quinn?" in problem
