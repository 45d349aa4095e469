"""The settings of one endpoint: ``config.toml``, with the environment on top.

The file is written with a comment above each setting, so that an owner can change it without another page open.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeVar

from openbeam.errors import InvalidInput, nearest
from openbeam.home import DEFAULT_URL
from openbeam.models import Model, Name
from pydantic import ConfigDict, Field, StringConstraints, ValidationError, ValidationInfo, field_validator

from openbeam_endpoint import toml
from openbeam_endpoint.providers.settings import KINDS, AnyProvider, Local, Provider, Site

__all__ = ["ENVIRONMENT", "Config", "WantedIsolation", "as_file", "change", "load", "loaded", "made", "make", "write"]

S = TypeVar("S", bound=Model)

WantedIsolation = Literal["auto", "docker", "bubblewrap", "none"]

ENVIRONMENT: Final = {
    "url": "OPENBEAM_URL",
    "workers": "OPENBEAM_WORKERS",
    "isolation": "OPENBEAM_ISOLATION",
    "spare_engines": "OPENBEAM_SPARE_ENGINES",
    "mirror": "OPENBEAM_OPENDATA_MIRROR",
}
"""Settings that an environment variable overrides, and its name."""

_GB: Final = 1_000_000_000
_PROVIDER: Final = "provider"


class Config(Model):
    """Settings of one endpoint. A description is the comment above the setting in ``config.toml``."""

    model_config = ConfigDict(frozen=True)

    name: Name = Field(description="The name that people choose this endpoint by.")
    description: Annotated[str, StringConstraints(max_length=1_000)] = Field(
        default="", description="One sentence for people who choose an endpoint."
    )
    public: bool = Field(
        default=False,
        description="What is asked for when it is configured first. true: whoever has an account may use it,\n"
        "once an administrator has approved it. false: its owner only. Later: openbeam endpoints share.",
    )
    url: Annotated[str, StringConstraints(pattern=r"^https?://[^\s/]+(/\S*)?$")] = Field(
        default=DEFAULT_URL, description="The Openbeam service that this endpoint works for."
    )
    workers: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        default=None, description="Tasks at once. Without this line: one a core."
    )
    isolation: WantedIsolation = Field(
        default="auto",
        description="What keeps users' code from this machine: docker, bubblewrap, auto (the first one that works),\n"
        "or none, which protects nothing and so serves only functions of the owner.",
    )
    mirror: Annotated[str, StringConstraints(min_length=1, max_length=1_000)] | None = Field(
        default=None,
        description="A folder, http(s):// or root:// address to read instead of CERN's open data storage; several,\n"
        "with commas between them, are tried in turn, and the word cern among them is CERN itself.",
    )
    cache_gb: Annotated[float, Field(gt=0, le=1_000_000)] | None = Field(
        default=None,
        description="GB of data files kept on this machine; those that were used longest ago go first. Without this\n"
        "line: as long as the disk has some GB free.",
    )
    outputs: Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$", max_length=1_000)] | None = Field(
        default=None,
        description="A folder, by its full path, for files that tasks write: <folder>/<user>/<task>/<file>.\n"
        "Without this line, files go to places of the users' own only.",
    )
    output_hosts: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.-]{1,250}(:[0-9]{1,5})?$")], ...],
        Field(max_length=100),
    ] = Field(
        default=(),
        description='Servers that users may send files to with their own credentials, as ["eos.example.org"].',
    )
    output_gb: Annotated[float, Field(gt=0, le=1_000)] = Field(
        default=0.2, description="GB of files that one task may hand over."
    )
    functions: Annotated[
        tuple[Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")], ...], Field(max_length=1_000)
    ] = Field(
        default=(),
        description="The only functions that run here, by the SHA-256 that `openbeam functions show` prints, whatever\n"
        "the service says. [] runs every function that the service sends.",
    )
    environment: Name | None = Field(
        default=None, description="What you call the packages that are installed here; functions may ask for it."
    )
    max_engines: Annotated[int, Field(ge=1, le=64)] = Field(
        default=2,
        description="Authors whose code may run at once. Each has an engine with workers of its own.",
    )
    spare_engines: Annotated[int, Field(ge=0, le=8)] = Field(
        default=1,
        description="Engines started ahead: an author who comes anew, or whose engine was lost, need not wait.\n"
        "Each takes about 250 MB of memory. 0 starts every engine when it is needed.",
    )
    cpu_seconds: Annotated[int, Field(ge=1, le=1_000_000)] | None = Field(
        default=None,
        description="CPU seconds that one task may use, all its processes together. Without this line: as many as its\n"
        "time limit has, which is one core all the time.",
    )
    engine_idle_seconds: Annotated[float, Field(ge=0, le=86_400)] = Field(
        default=120, description="An author's engine without work ends after this many seconds."
    )
    warm_tenant: Annotated[str, StringConstraints(min_length=1, max_length=100)] | None = Field(
        default=None, description="Id of the author whose engine is always ready. Without this line: the owner."
    )

    provider: AnyProvider = Field(default_factory=Local, description="Where tasks run.")

    @field_validator(_PROVIDER)
    @classmethod
    def _no_walls_elsewhere(cls, provider: Provider, others: ValidationInfo) -> Provider:
        isolation = others.data.get("isolation")
        if isinstance(provider, Site) and isolation in {"docker", "bubblewrap"}:
            raise ValueError(
                f"the isolation {isolation} is for this machine alone. Remove that setting, or choose provider local"
            )
        return provider

    @field_validator("url")
    @classmethod
    def _without_last_slash(cls, url: str) -> str:
        return url.rstrip("/")

    @property
    def cache_bytes(self) -> int | None:
        """The most that the file cache may hold."""
        return None if self.cache_gb is None else int(self.cache_gb * _GB)

    @property
    def output_bytes(self) -> int:
        """The most that one task may hand over."""
        return int(self.output_gb * _GB)

    @property
    def site(self) -> Site | None:
        """Where tasks run, unless that is this machine."""
        return self.provider if isinstance(self.provider, Site) else None

    @property
    def lists_for_others(self) -> bool:
        """Whether others' functions run here, because they are on the owner's list, with no wall around them."""
        return self.site is not None and bool(self.functions)

    @property
    def stays_warm(self) -> bool:
        """Whether an engine is kept without work. At a site, that is Parsl's executor, and no block."""
        return self.site is not None or self.provider.min_blocks > 0

    @property
    def spares(self) -> int:
        """Engines to have ready for nobody. At a site, one engine serves everybody."""
        return self.spare_engines if self.stays_warm and self.site is None else 0

    @property
    def slots(self) -> int:
        """Tasks at once: workers of one engine here, or of all blocks that there may be."""
        return self.site.slots if self.site else self.workers or len(os.sched_getaffinity(0))


def _place(error: Mapping[str, Any]) -> tuple[str, ...]:
    """Return where an error is: a setting's name, below that of its table."""
    first, *rest = [str(part) for part in error["loc"]] or [""]
    if first != _PROVIDER:
        return (first,)
    kind = "kind" if error["type"].startswith("union_tag") else None
    # Below a table there is the name of its kind, which is not in the file.
    return (first, kind) if kind else (first, *rest[1:2])


def _sentence(error: Mapping[str, Any], place: tuple[str, ...], kind: type[Model]) -> str:
    key = ".".join(place)
    said = error["msg"].removeprefix("Value error, ")
    match error["type"]:
        case "extra_forbidden":
            table = KINDS[str(error["loc"][1])] if len(place) > 1 else kind
            return f"there is no setting {key!r}.{_meant(place[-1], table.model_fields)}"
        case "missing" | "union_tag_not_found":
            return f"the setting {key!r} is missing."
        case "union_tag_invalid":
            return f"{key}: there is no provider {error['ctx']['tag']!r}.{_meant(error['ctx']['tag'], KINDS)}"
        case "value_error":
            return f"{key}: {said}{'' if said.endswith(('.', '?')) else '.'}"
    return f"{key}: {said[0].lower()}{said[1:]}, not {error['input']!r}."


def _meant(name: str, known: Iterable[str]) -> str:
    close = nearest(name, known)
    return f" Did you mean {' or '.join(close)}?" if close else ""


def make(values: Mapping[str, Any], places: Mapping[str, str] | None = None) -> Config:
    """Return the checked settings of an endpoint; as ``made``."""
    return made(Config, values, places)


def made(kind: type[S], values: Mapping[str, Any], places: Mapping[str, str] | None = None) -> S:
    """Return the checked settings. ``places`` says where a key's value comes from, for the error's sake.

    Raises
    ------
    InvalidInput
        Naming the place and the key of the first value that is wrong. ``details``: ``key``.

    """
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        place = _place(first)
        key = ".".join(place)
        known = places or {}
        where = known.get(key) or known.get(place[0], "")
        raise InvalidInput(f"{where}{': ' if where else ''}{_sentence(first, place, kind)}", key=key) from None


def load(path: Path, *, with_environment: bool = True) -> Config:
    """Return an endpoint's settings, with the environment on top; as ``loaded``."""
    return loaded(Config, path, ENVIRONMENT if with_environment else {})


def loaded(kind: type[S], path: Path, environment: Mapping[str, str]) -> S:
    """Return the settings of a ``config.toml``; variables of the environment override the keys that they stand for.

    Raises
    ------
    InvalidInput
        When the file cannot be read, is not TOML, or a value is wrong; names the line, the key or the variable.

    """
    try:
        text = path.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise InvalidInput(f"{path} is not TOML: {error}.", path=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.", path=str(path)) from None
    places = {"name": str(path)}
    places |= {key: f"{path}, line {number}" for key, number in toml.lines(text).items()}
    for key, variable in environment.items():
        if value := os.environ.get(variable):
            values[key], places[key] = value, variable
    return made(kind, values, places)


def change(path: Path, changed: Mapping[str, Any]) -> None:
    """Change settings in a file, and leave everything else as its owner has written it.

    The table of a provider of another kind takes the place of the whole table.
    """
    text = path.read_text(encoding="utf-8")
    top = {key: value for key, value in changed.items() if key != _PROVIDER}
    text = toml.change(text, top)
    if _PROVIDER in changed:
        table = _table(changed[_PROVIDER])
        known = tomllib.loads(text).get(_PROVIDER, {})
        if known.get("kind") == table.kind:
            text = toml.change(text, _differing(known, table), _PROVIDER)
        else:
            text = toml.replace(text, _PROVIDER, toml.described(table))
    path.write_text(text, encoding="utf-8")


def _table(value: Any) -> Any:
    return Config.model_validate({"name": "any", _PROVIDER: value}).provider


def _differing(known: Mapping[str, Any], table: Any) -> dict[str, Any]:
    fields = type(table).model_fields
    return {
        key: value
        for key, value in table
        if value is not None and value != known.get(key, fields[key].get_default(call_default_factory=True))
    }


def write(path: Path, config: Config) -> None:
    """Write an endpoint's settings."""
    path.write_text(as_file(config, f"the endpoint {config.name}"), encoding="utf-8")


def as_file(config: Model, whose: str) -> str:
    """Return settings as a file, each below its comment; one that is not set is written as a comment."""
    return f"# Settings of {whose}. They are read when it starts.\n\n{toml.described(config)}"
