"""What an administrator says of another provider: in ``providers.toml``, or as JSON in ``OPENBEAM_PROVIDERS``.

::

    [cern]
    label = "CERN"
    issuer = "https://auth.cern.ch/auth/realms/cern"
    client_id = "openbeam"
    client_secret_file = "keys/cern.secret"
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import urlsplit

from authlib.common.security import is_secure_transport
from openbeam.models import Role
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    SecretStr,
    StringConstraints,
    model_validator,
)
from pydantic import ValidationError as Invalid

__all__ = ["FILE", "Claims", "Provider", "RoleRule", "read_providers"]

Claims = dict[str, Any]
"""What a provider says of a person."""
FILE: Final = "providers.toml"
"""In the data directory."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_MOST: Final = 50


def _url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError("must be an address like https://login.example.org, without ? and #")
    if not is_secure_transport(value):
        raise ValueError("must be https:// unless it is on this machine")
    return value


Url = Annotated[str, StringConstraints(max_length=500), AfterValidator(_url)]
Claim = Annotated[str, StringConstraints(min_length=1, max_length=200)]
"""Name of a claim; ``a.b`` is the claim ``b`` inside the claim ``a``."""
Domain = Annotated[str, StringConstraints(pattern=r"^[a-z0-9.-]+\.[a-z]{2,}$", max_length=253)]
Given = Literal[Role.student, Role.teacher, Role.admin]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class RoleRule(_Strict):
    """Who has ``value`` in a claim (or in the list that it is) gets a role when they come for the first time."""

    claim: Claim
    value: Annotated[str, StringConstraints(min_length=1, max_length=500)]
    role: Given


class Provider(_Strict):
    """Another provider of sign-in."""

    label: Annotated[str, StringConstraints(min_length=1, max_length=40)]
    """What stands on its button, behind “Sign in with”."""
    issuer: Url
    """Who speaks for its people. OpenID Connect: exactly what its ID tokens say in ``iss``."""
    client_id: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    """A file that holds the secret; a path that is not absolute is below the data directory."""
    client_secret_env: Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    """An environment variable that holds the secret."""
    client_auth: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"
    scopes: Annotated[list[str], Field(max_length=20)] = Field(default_factory=lambda: ["openid", "profile"])
    authorize_url: Url | None = None
    """With the next two: a provider that speaks OAuth 2 without OpenID Connect, such as GitHub."""
    token_url: Url | None = None
    userinfo_url: Url | None = None
    subject: Claim = "sub"
    """Claim that names a person for ever; with the issuer it is who they are."""
    user_name: Claim = "preferred_username"
    """Claim that the user name is made of."""
    display: Claim = "name"
    """Claim that says what to call them."""
    role: Given = Role.student
    """Of who comes for the first time."""
    roles: Annotated[list[RoleRule], Field(max_length=50)] = Field(default_factory=list)
    """The first that fits gives the role instead."""
    require: dict[Claim, Annotated[list[str], Field(min_length=1, max_length=200)]] = Field(default_factory=dict)
    """Claims that must have one of these values, at every sign-in."""
    email_domains: Annotated[list[Domain], Field(max_length=200)] = Field(default_factory=list)
    """When set, only people with a verified e-mail address in one of these come in. The address is not kept."""
    sign_up: bool = True
    """False: only people who are known already come in."""

    _secret: str = PrivateAttr("")

    @property
    def is_oidc(self) -> bool:
        """Whether it sends ID tokens."""
        return self.authorize_url is None

    @property
    def secret(self) -> str:
        """The client secret, from where it is."""
        return self._secret

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        urls = (self.authorize_url, self.token_url, self.userinfo_url)
        if any(urls) and not all(urls):
            raise ValueError("authorize_url, token_url and userinfo_url go together")
        if self.is_oidc != ("openid" in self.scopes):
            raise ValueError("scopes must have openid; with authorize_url, token_url and userinfo_url, they must not")
        return self

    @model_validator(mode="after")
    def _read_secret(self) -> Self:
        places = [self.client_secret, self.client_secret_file, self.client_secret_env]
        if sum(place is not None for place in places) != 1:
            raise ValueError("set one of client_secret, client_secret_file, client_secret_env")
        if self.client_secret is not None:
            self._secret = self.client_secret.get_secret_value()
        elif self.client_secret_file is not None:
            self._secret = _text_of(self.client_secret_file)
        else:
            self._secret = os.environ.get(str(self.client_secret_env), "").strip()
        if not self._secret:
            raise ValueError("the client secret is empty")
        return self


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"client_secret_file cannot be read: {error}") from None


def _tables(value: Any, home: Path) -> dict[str, Any]:
    """Return the raw tables: of the variable when it is set, else of the file when there is one."""
    if isinstance(value, str) and value.strip():
        try:
            value = json.loads(value)
        except ValueError as error:
            raise ValueError(f"is not JSON: {error}") from None
    path = home / FILE
    if not value and path.exists():
        try:
            value = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ValueError(f"{FILE} cannot be read: {error}") from None
    if isinstance(value or {}, dict):
        return value or {}
    raise ValueError("must be a table of providers by name")


def _provider(name: str, table: Any, home: Path) -> Provider:
    if isinstance(table, Provider):
        return table
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name for a provider: small letters, digits and -, at most 32")
    if isinstance(table, dict) and isinstance(table.get("client_secret_file"), str):
        table = {**table, "client_secret_file": home / table["client_secret_file"]}
    try:
        return Provider.model_validate(table)
    except Invalid as error:
        # Not the input: it may hold the secret.
        first = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in (name, *first["loc"]))
        raise ValueError(f"{where}: {first['msg'].removeprefix('Value error, ')}") from None


def read_providers(value: Any, home: Path) -> dict[str, Provider]:
    """Return the providers by name, in the order of their buttons.

    Raises
    ------
    ValueError
        Naming the key that is wrong.

    """
    tables = _tables(value, home)
    if len(tables) > _MOST:
        raise ValueError(f"there are {len(tables)} providers, and {_MOST} at most")
    return {name: _provider(name, table, home) for name, table in tables.items()}
