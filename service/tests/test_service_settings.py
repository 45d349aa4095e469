"""Settings: sensible on one machine, careful elsewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from openbeam_service.settings import Settings
from pydantic import ValidationError


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OPENBEAM_{name.upper()}", raising=False)
    monkeypatch.setenv("OPENBEAM_HOME", str(tmp_path))
    monkeypatch.setenv("OPENBEAM_TOKEN", "of the client, not ours")


def test_everything_has_a_default_in_the_home(tmp_path: Path) -> None:
    settings = Settings()
    assert settings.home.root == tmp_path
    assert settings.database == f"sqlite:///{tmp_path}/openbeam.sqlite"
    assert settings.valkey == f"unix://{settings.home.socket('valkey')}"
    assert settings.audience == "http://127.0.0.1:8600/api/v1"
    assert settings.address == ("127.0.0.1", 8600)


@pytest.mark.parametrize(
    ("url", "bind", "address"),
    [
        ("http://127.0.0.1:8700/", None, ("127.0.0.1", 8700)),
        ("http://localhost:8700", None, ("localhost", 8700)),
        ("http://[::1]:8700", None, ("::1", 8700)),
        ("https://beam.example.org", None, ("127.0.0.1", 8600)),
        ("https://beam.example.org", "0.0.0.0:80", ("0.0.0.0", 80)),
        ("https://beam.example.org", "[::]:80", ("::", 80)),
        ("https://beam.example.org", "10.0.0.5", ("10.0.0.5", 8600)),
    ],
)
def test_where_it_listens(
    monkeypatch: pytest.MonkeyPatch, url: str, bind: str | None, address: tuple[str, int]
) -> None:
    monkeypatch.setenv("OPENBEAM_URL", url)
    if bind:
        monkeypatch.setenv("OPENBEAM_BIND", bind)
    settings = Settings()
    assert settings.address == address
    assert settings.url == url.rstrip("/")


@pytest.mark.parametrize(
    "url",
    ["http://beam.example.org", "http://192.168.0.4:8600", "ftp://127.0.0.1", "127.0.0.1:8600", "https://a.b/path", ""],
)
def test_an_address_that_would_leak_passwords_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENBEAM_URL", url)
    with pytest.raises(ValidationError):
        Settings()


@pytest.mark.parametrize(
    "url", ["mysql://localhost/openbeam", "/var/lib/openbeam.sqlite", "postgres://localhost/x", ""]
)
def test_a_database_that_nobody_tested_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("OPENBEAM_DATABASE", url)
    with pytest.raises(ValidationError, match="must look like sqlite"):
        Settings()


@pytest.mark.parametrize(("name", "value"), [("LEASE_SECONDS", "0"), ("TOKEN_DAYS", "x"), ("MAX_UPLOAD_BYTES", "-1")])
def test_numbers_are_checked(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"OPENBEAM_{name}", value)
    with pytest.raises(ValidationError):
        Settings()
