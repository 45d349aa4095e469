"""What an administrator writes of other providers: read, checked, and wrong keys named."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
from openbeam_service.settings import Settings
from pydantic import ValidationError

PAGE = Path(__file__).resolve().parents[2] / "docs" / "providers.md"
GOOD = {"label": "School", "issuer": "https://login.example", "client_id": "c", "client_secret": "hush-hush"}


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"OPENBEAM_{name.upper()}", raising=False)
    monkeypatch.setenv("OPENBEAM_HOME", str(tmp_path))
    (tmp_path / "keys").mkdir()


def test_what_the_page_shows_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join(re.findall(r"```toml\n(.*?)```", PAGE.read_text(), re.DOTALL))
    (tmp_path / "providers.toml").write_text(text)
    monkeypatch.setenv("SCHOOL_SECRET", "s")
    for name in re.findall(r'client_secret_file = "(.*?)"', text):
        (tmp_path / name).write_text(f"secret of {name}\n")
    providers = Settings().providers
    assert list(providers) == ["cern", "globus", "orcid", "google", "github", "school"] == list(tomllib.loads(text))
    assert providers["cern"].secret == "secret of keys/cern.secret"
    assert providers["school"].secret == "s"
    assert [name for name, one in providers.items() if not one.is_oidc] == ["github"]
    documented = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (.*?) \|", PAGE.read_text(), re.MULTILINE))))
    assert documented == set(type(providers["cern"]).model_fields)


def test_the_variable_goes_before_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "providers.toml").write_text("[file]\n")
    monkeypatch.setenv("OPENBEAM_PROVIDERS", json.dumps({"variable": GOOD}))
    assert list(Settings().providers) == ["variable"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"issuer": "http://login.example"}, "school.issuer: must be https://"),
        ({"issuer": "login.example"}, "school.issuer: must be an address"),
        ({"issuer": "https://login.example?x=1"}, "school.issuer: must be an address"),
        ({"label": ""}, "school.label: "),
        ({"client_id": None}, "school.client_id: "),
        ({"role": "pupil"}, "school.role: "),
        ({"roles": [{"claim": "a", "value": "b", "role": "boss"}]}, "school.roles.0.role: "),
        ({"require": {"hd": []}}, "school.require.hd: "),
        ({"email_domains": ["@school"]}, "school.email_domains.0: "),
        ({"scopes": ["profile"]}, "school: scopes must have openid"),
        ({"token_url": "https://login.example/token"}, "school: authorize_url, token_url and userinfo_url go together"),
        ({"client_secret": ""}, "school: the client secret is empty"),
        ({"client_secret": None}, "school: set one of client_secret"),
        ({"client_secret_env": "SECRET"}, "school: set one of client_secret"),
        ({"client_secret": None, "client_secret_file": "keys/nothing"}, "school: client_secret_file cannot be read"),
        ({"client_secret": None, "client_secret_env": "NOT_SET_AT_ALL"}, "school: the client secret is empty"),
        ({"isuer": "x"}, "school.isuer: "),
    ],
)
def test_a_wrong_key_is_named(monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], says: str) -> None:
    table = {key: value for key, value in (GOOD | change).items() if value is not None}
    monkeypatch.setenv("OPENBEAM_PROVIDERS", json.dumps({"school": table}))
    with pytest.raises(ValidationError) as refused:
        Settings()
    (error,) = refused.value.errors()
    assert error["loc"] == ("providers",)
    assert error["msg"].startswith(f"Value error, {says}")
    assert "hush" not in error["msg"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is not JSON"),
        ("[1]", "must be a table of providers by name"),
        ('{"School": {}}', "'School' is no name for a provider"),
        ('{"../x": {}}', "'../x' is no name for a provider"),
        ('{"school": 1}', "school: "),
    ],
)
def test_what_is_no_table_is_said(monkeypatch: pytest.MonkeyPatch, text: str, says: str) -> None:
    monkeypatch.setenv("OPENBEAM_PROVIDERS", text)
    with pytest.raises(ValidationError, match=re.escape(says)):
        Settings()


def test_a_broken_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "providers.toml").write_text("[school\n")
    with pytest.raises(ValidationError, match=r"providers\.toml cannot be read"):
        Settings()
