"""``openbeam-endpoint``: lend this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from openbeam.errors import OpenbeamError
from openbeam.home import Home

from openbeam_endpoint.config import WantedIsolation
from openbeam_endpoint.folder import Folder, folders

__all__ = ["app", "main"]

app = typer.Typer(help="Lend this machine to an Openbeam service.", no_args_is_help=True, add_completion=False)

Name = Annotated[str, typer.Argument(help="The endpoint's name: lower-case letters, digits, - and _.")]
Workers = Annotated[int | None, typer.Option(help="Tasks at once. Default: one a core.")]
Wanted = Annotated[WantedIsolation | None, typer.Option(help="What keeps users' code from this machine.")]
Mirror = Annotated[str | None, typer.Option(help="A folder or address to read instead of CERN's storage.")]
Description = Annotated[str | None, typer.Option(help="One sentence for people who choose an endpoint.")]
Public = Annotated[bool | None, typer.Option("--public/--private", help="Who may use it: everybody, or its owner.")]

_NO_ISOLATION = (
    "Warning: without isolation, functions run with all rights of this account. It serves its owner's functions only."
)


@contextmanager
def _plainly() -> Iterator[None]:
    """Show an error as one line and end with status 1."""
    try:
        yield
    except OpenbeamError as error:
        if os.environ.get("OPENBEAM_DEBUG") == "1":
            raise
        print(" ".join(str(error).split()), file=sys.stderr)
        raise typer.Exit(1) from None


def _given(**options: Any) -> dict[str, Any]:
    return {key: value for key, value in options.items() if value is not None}


@app.command()
def configure(
    name: Name,
    workers: Workers = None,
    isolation: Wanted = None,
    mirror: Mirror = None,
    description: Description = None,
    public: Public = None,
) -> None:
    """Make an endpoint, or change one, and register it with the service."""
    from openbeam_endpoint.configure import configure as make

    given = _given(workers=workers, isolation=isolation, mirror=mirror, description=description, public=public)
    with _plainly():
        folder = make(Home.from_env(), name, given)
        if folder.config().isolation == "none":
            print(_NO_ISOLATION, file=sys.stderr)
        identity = folder.identity()
        print(f"{name} belongs to {identity.owner} at {identity.url}. Start it: openbeam-endpoint start {name}")
        print(f"Its settings: {folder.config_path}")


@app.command()
def start(
    name: Name,
    public: Annotated[
        bool, typer.Option("--public/--private", help="Who may use it, when it is configured by this command.")
    ] = True,
) -> None:
    """Run an endpoint in the foreground until Ctrl-C. One that is not configured yet is configured first."""
    with _plainly():
        folder = Folder(Home.from_env().endpoint(name))
        if not folder.configured:
            from openbeam_endpoint.configure import configure as make

            folder = make(Home.from_env(), name, {} if folder.config_path.exists() else {"public": public})
        # Everything that an agent needs is heavy for the other commands.
        from openbeam_endpoint.agent.main import run

        run(folder)


@app.command(name="list")
def show() -> None:
    """List the endpoints of this machine."""
    with _plainly():
        found = [folder for folder in folders(Home.from_env()) if folder.configured]
        if not found:
            print("No endpoint is configured here. Make one: openbeam-endpoint configure NAME")
        for folder in found:
            config, pid = folder.config(), folder.running()
            state = f"running (process {pid})" if pid else "stopped"
            workers = f"{config.slots} worker{'s' if config.slots > 1 else ''}"
            print(f"{folder.name}  {state}, {workers}, isolation {config.isolation}, for {config.url}")


def main() -> None:
    """Run the command line."""
    app()
