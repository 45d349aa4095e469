"""Commands that make an endpoint known, say whose it is, and take it away."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Final

import typer
from openbeam.cli.screen import rows
from openbeam.errors import Conflict, InvalidInput
from openbeam.home import Home

from openbeam_endpoint.cli.names import Name, known, tell
from openbeam_endpoint.config import WantedIsolation

__all__ = ["app"]

app = typer.Typer()

Workers = Annotated[int | None, typer.Option(help="Tasks at once. Default: one a core.")]
Wanted = Annotated[WantedIsolation | None, typer.Option(help="What keeps users' code from this machine.")]
Mirror = Annotated[str | None, typer.Option(help="A folder or address to read instead of CERN's storage.")]
Description = Annotated[str | None, typer.Option(help="One sentence for people who choose an endpoint.")]
Environment = Annotated[str | None, typer.Option(metavar="NAME", help="What you call what is installed here.")]
Functions = Annotated[
    list[str] | None, typer.Option("--function", metavar="SHA256", help="The only functions that run; any number.")
]
Public = Annotated[bool | None, typer.Option("--public/--private", help="Who may use it: everybody, or its owner.")]

Kind = Annotated[
    str | None,
    typer.Option("--provider", metavar="KIND", help="Where tasks run: local, slurm, htcondor, kubernetes or parsl."),
]
Partition = Annotated[str | None, typer.Option(help="The provider's partition.")]
Account = Annotated[str | None, typer.Option(help="The provider's account.")]
MinBlocks = Annotated[int | None, typer.Option(help="Blocks that the provider keeps without work.")]
MaxBlocks = Annotated[int | None, typer.Option(help="Blocks of the provider at once.")]
Walltime = Annotated[str | None, typer.Option(metavar="H:MM:SS", help="How long a block may run.")]
Setting = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Any setting of [provider], as in TOML; any number."),
]

_NO_ISOLATION: Final = (
    "Warning: without isolation, functions run with all rights of this account. It serves its owner's functions only."
)


_LISTED: Final = (
    "Warning: without isolation, functions run with all rights of this account. It serves only those on its list."
)


def _given(**options: Any) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


def _set(settings: list[str]) -> dict[str, Any]:
    """Return what ``KEY=VALUE`` says, the value as in TOML, or as it is: ``max_blocks=4``, ``partition=debug``."""
    found: dict[str, Any] = {}
    for setting in settings:
        key, sign, value = setting.partition("=")
        if not sign:
            raise InvalidInput(f"--set {setting}: write KEY=VALUE, such as partition=debug.")
        try:
            found[key.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            found[key.strip()] = value
    return found


@app.command()
def configure(  # noqa: PLR0913 - each is an option
    name: Name,
    *,
    workers: Workers = None,
    isolation: Wanted = None,
    mirror: Mirror = None,
    description: Description = None,
    environment: Environment = None,
    functions: Functions = None,
    public: Public = None,
    provider: Kind = None,
    partition: Partition = None,
    account: Account = None,
    min_blocks: MinBlocks = None,
    max_blocks: MaxBlocks = None,
    walltime: Walltime = None,
    settings: Setting = None,
) -> None:
    """Make an endpoint, or change one, and register it with the service."""
    from openbeam_endpoint.configure import configure as make

    given = _given(
        workers=workers,
        isolation=isolation,
        mirror=mirror,
        description=description,
        environment=environment,
        functions=functions or None,
        public=public,
    )
    table = _given(
        kind=provider,
        partition=partition,
        account=account,
        min_blocks=min_blocks,
        max_blocks=max_blocks,
        walltime=walltime,
    )
    if table := {**table, **_set(settings or [])}:
        given["provider"] = table
    folder = make(Home.from_env(), name, given, tell)
    config = folder.config()
    if config.site or config.isolation == "none":
        tell(_NO_ISOLATION if not config.lists_for_others else _LISTED)
    identity = folder.identity()
    print(f"{name} belongs to {identity.owner} at {identity.url}. Start it: openbeam-endpoint start {name}")
    print(f"Its settings: {folder.config_path}")


@app.command()
def whoami(
    name: Annotated[str | None, typer.Argument(help="An endpoint. Without one: who you are yourself.")] = None,
) -> None:
    """Say who you are to the service, or who an endpoint is."""
    if name is None:
        from openbeam.client import Client

        with Client() as client:
            user = client.whoami()
            rows(["Name", "Role", "Service"], [[user.name, user.role.value, client.url]], nothing="")
        return
    identity = known(name).identity()
    rows(
        ["Endpoint", "Owner", "Service", "Id"],
        [[name, identity.owner, identity.url, identity.endpoint_id]],
        nothing="",
    )


@app.command()
def delete(
    name: Name,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    local: Annotated[bool, typer.Option("--local", help="Leave the service alone, which may be gone.")] = False,
) -> None:
    """Take an endpoint away: from the service, and its settings, key and copies of data files from this machine."""
    from openbeam_endpoint.control import process
    from openbeam_endpoint.removal import remove

    folder = known(name)
    if agent := process(folder):
        raise Conflict(f"The endpoint {name} runs (process {agent.pid}). Stop it first: openbeam-endpoint stop {name}")
    if not yes:
        typer.confirm(f"Remove {folder.path} with all that is in it?", abort=True, err=True)
    url = folder.identity().url
    remove(folder, local=local)
    print(f"{name} is gone from this machine{f'. {url} still lists it' if local else f' and from {url}'}.")
