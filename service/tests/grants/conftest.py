"""People with a password, and programs of theirs, for the tests of what people grant."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from openbeam.models import Role
from openbeam_service.identity import store
from openbeam_service.provision import opened

# The tests import what is beside this file.
sys.path.insert(0, str(Path(__file__).parent))

from oauth_walk import PASSWORD, Browser, Native


@pytest.fixture(scope="session")
def hashed() -> str:
    """What is stored of the password of everybody here: a cheap hash, for hundreds of sign-ins."""
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)


@pytest.fixture
def new_person(service: Any, hashed: str) -> Callable[..., str]:
    """Return a function that adds somebody and returns their name."""

    def add(role: Role = Role.student) -> str:
        name = f"p{secrets.token_hex(4)}"
        with opened(service.settings) as db:
            store.add_user(db, name, role, hashed)
        return name

    return add


@pytest.fixture
def person(new_person: Callable[..., str]) -> str:
    return new_person()


@pytest.fixture
def browser(service: Any) -> Iterator[Browser]:
    """A browser that nobody is signed in with."""
    with service.client(Accept="text/html") as http:
        yield Browser(http)


@pytest.fixture
def signed_in(browser: Browser, person: str) -> Browser:
    """A browser that ``person`` is signed in with."""
    assert browser.sign_in(person).status_code == 303
    return browser


@pytest.fixture
def native(service: Any, signed_in: Browser) -> Native:
    """A program of ``person``, who is signed in with their browser."""
    return Native(service, signed_in)


@pytest.fixture
def account(tmp_path: Path, service: Any, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """An account of its own on this machine: a home without anything, and a browser that notes what it opens."""
    browser = tmp_path / "browser"
    browser.write_text(
        f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/opened.part && mv {tmp_path}/opened.part {tmp_path}/opened\n'
    )
    browser.chmod(0o700)
    known = {name: value for name, value in os.environ.items() if not name.startswith(("OPENBEAM_", "SSH_"))}
    known |= {"HOME": str(tmp_path), "OPENBEAM_HOME": str(tmp_path / "data"), "OPENBEAM_URL": service.url}
    known |= {"DISPLAY": ":0", "BROWSER": str(browser)}
    for name in os.environ.keys() - known.keys():
        monkeypatch.delenv(name)
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    return known
