"""Everything that can be set from outside, read from the environment (``OPENBEAM_…``)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from authlib.common.security import is_secure_transport
from limits import parse
from openbeam.home import DEFAULT_PORTAL_URL, DEFAULT_URL, Home
from openbeam.models import QuotaRule, Role
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, ValidationInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from openbeam_service.identity.upstream.config import Provider, read_providers

__all__ = ["Settings"]

_DEFAULT_PORT: Final = 8600


def _home(value: Any) -> Home:
    return value if isinstance(value, Home) else Home(Path(value).resolve())


def _origin(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/") or parts.query:
        raise ValueError("must look like https://beam.example.org, without a path")
    if not is_secure_transport(value):
        raise ValueError("must be https:// unless it is on this machine: passwords and tokens travel over it")
    return f"{parts.scheme}://{parts.netloc}"


def _rate(value: str) -> str:
    try:
        amount = parse(value).amount
    except ValueError:
        amount = 0
    if not amount or "," in value or ";" in value or "|" in value:
        raise ValueError("must look like `5 per 5 minutes`, with a number of at least 1")
    return value


def _database(value: str) -> str:
    try:
        backend = make_url(value).get_backend_name()
    except ArgumentError:
        backend = ""
    if backend not in ("sqlite", "postgresql"):
        raise ValueError(
            "must look like sqlite:////var/lib/openbeam.sqlite or postgresql+psycopg://user:password@host/name"
        )
    return value


def _providers(value: Any, info: ValidationInfo) -> dict[str, Provider]:
    home = info.data.get("home")
    return read_providers(value, home.root) if isinstance(home, Home) else {}


Origin = Annotated[str, AfterValidator(_origin)]
Rate = Annotated[str, AfterValidator(_rate)]


class Settings(BaseSettings):
    """Settings of the service. Every one has a default that works on one machine."""

    model_config = SettingsConfigDict(env_prefix="OPENBEAM_", frozen=True, extra="forbid", hide_input_in_errors=True)

    home: Annotated[Home, NoDecode, BeforeValidator(_home)] = Field(default_factory=Home.from_env)
    """Data directory (``OPENBEAM_HOME``)."""
    url: Origin = DEFAULT_URL
    """Public URL of the service, and the issuer of its tokens."""
    bind: str | None = None
    """``host:port`` to listen on, where that is not in the URL: behind a proxy."""
    portal_url: Origin = DEFAULT_PORTAL_URL
    """Public URL of the portal."""
    database: Annotated[str, AfterValidator(_database)] = Field(
        default_factory=lambda known: f"sqlite:///{known['home'].database}"
    )
    """SQLAlchemy URL, of SQLite or PostgreSQL."""
    valkey: str = Field(default_factory=lambda known: f"unix://{known['home'].socket('valkey')}")
    """URL of the queue's server."""
    lease_seconds: Annotated[float, Field(gt=0)] = 6.0
    """How long an agent holds a task without a sign of life."""
    sweep_seconds: Annotated[float, Field(gt=0)] = 1.0
    """How often lost leases are looked for."""
    max_upload_bytes: Annotated[int, Field(gt=0)] = 2 * 1024**3
    """Largest file that may be uploaded."""
    max_json_bytes: Annotated[int, Field(gt=0)] = 24 * 1024**2
    """Largest body of any other request."""
    result_days: Annotated[int, Field(gt=0, le=36500)] = 30
    """How long results are kept, unless somebody keeps them."""
    token_days: Annotated[int, Field(gt=0, le=3650)] = 90
    """Life of a personal token, unless its maker says otherwise."""
    max_token_days: Annotated[int, Field(gt=0, le=3650)] = 366
    """Longest life that people may give a personal token themselves."""
    portal_token_seconds: Annotated[int, Field(gt=0)] = 8 * 3600
    """Life of an access token of the portal: a school day."""
    agent_token_seconds: Annotated[int, Field(gt=0)] = 15 * 60
    """Life of an access token of an agent."""
    access_token_seconds: Annotated[int, Field(gt=0)] = 15 * 60
    """Life of an access token that comes with a refresh token."""
    refresh_days: Annotated[int, Field(gt=0, le=3650)] = 30
    """How long after its last use a refresh token still works."""
    device_code_seconds: Annotated[int, Field(gt=0, le=3600)] = 10 * 60
    """How long a program without a browser waits for somebody to allow it."""
    device_poll_seconds: Annotated[int, Field(gt=0, le=60)] = 5
    """How often it may ask meanwhile."""
    code_seconds: Annotated[int, Field(gt=0)] = 60
    """Life of an authorization code."""
    rate_sign_in: Rate = "5 per 5 minutes"
    """Passwords that may be tried for a name from an address."""
    rate_sign_in_address: Rate = "300 per 5 minutes"
    """Passwords that may be tried from an address: a whole school may share one."""
    rate_join_code: Rate = "300 per 5 minutes"
    """Codes of classes that may be tried from an address."""
    rate_token: Rate = "1200 per minute"  # noqa: S105  a rate
    """Requests for tokens from an address: all its agents, portals and notebooks."""
    rate_device: Rate = "120 per minute"
    """Sign-ins that programs without a browser may begin from an address."""
    rate_device_code: Rate = "20 per 10 minutes"
    """Codes of such programs that a person may try."""
    rate_calls: Rate = "60000 per minute"
    """Calls of the API by one caller."""
    rate_strangers: Rate = "6000 per minute"
    """Calls of the API without a valid token from an address."""
    providers: Annotated[dict[str, Provider], NoDecode, BeforeValidator(_providers)] = Field(
        default_factory=dict, validate_default=True
    )
    """Other providers of sign-in, as JSON; when it is not set, they are in ``providers.toml`` in the data directory."""
    class_members: Annotated[int, Field(gt=0, le=5_000)] = 500
    """Most people in one class."""
    classes_per_person: Annotated[int, Field(gt=0, le=5_000)] = 100
    """Most classes that one person is in."""

    rate_noted_failures: Rate = "600 per hour"
    """Sign-ins that failed and are written into the audit trail; the log has all."""
    metrics_token: SecretStr | None = None
    """What Prometheus shows to read ``/metrics``; without one, only this machine may."""
    log_format: Literal["json", "text"] = "json"
    """One JSON object a line, or lines for people."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """Least severe of our own log lines."""
    audit_days: Annotated[int, Field(ge=1, le=36_500)] = 730
    """How long the audit trail is kept."""

    quota_pupil: QuotaRule = QuotaRule(runs=10, tasks=1_000, cpu_seconds=4 * 3600)
    """What a pupil may have at once and use in 24 hours, unless a rule says otherwise."""
    quota_student: QuotaRule = QuotaRule(runs=50, tasks=10_000, cpu_seconds=100 * 3600)
    """A student."""
    quota_teacher: QuotaRule = QuotaRule(runs=50, tasks=10_000, cpu_seconds=200 * 3600)
    """A teacher."""
    quota_admin: QuotaRule = QuotaRule(runs=200, tasks=100_000)
    """An administrator."""

    @property
    def quota_rules(self) -> dict[Role, QuotaRule]:
        """What each role may have."""
        return {role: getattr(self, f"quota_{role}") for role in Role}

    @property
    def audience(self) -> str:
        """The ``aud`` of every access token: the REST API."""
        return f"{self.url}/api/v1"

    @property
    def longest_token_seconds(self) -> int:
        """How long a key that has signed something must be known."""
        clocks = 60
        return clocks + max(self.portal_token_seconds, self.agent_token_seconds, self.access_token_seconds)

    @property
    def is_behind_proxy(self) -> bool:
        """True where a proxy stands in front: it alone may say where a request comes from."""
        return self.bind is not None or self.url.startswith("https:")

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on: ``bind``, else those of an ``http://`` URL, else this machine's port 8600."""
        address = self.bind or (self.url if self.url.startswith("http:") else f"127.0.0.1:{_DEFAULT_PORT}")
        parts = urlsplit(address if "://" in address else f"//{address}")
        return parts.hostname or "127.0.0.1", parts.port or _DEFAULT_PORT
