"""Commands that start and stop an endpoint."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from openbeam.cli.screen import diagnostics
from openbeam.errors import Conflict
from openbeam.home import Home
from openbeam.loading import loading

from openbeam_endpoint.cli.names import Name, known, named, tell
from openbeam_endpoint.folder import Folder

__all__ = ["app"]

app = typer.Typer()

Wait = Annotated[float, typer.Option(min=0, max=3600, help="Seconds to wait until it takes work, in the background.")]
_WAIT = 120.0


@app.command()
def start(
    name: Name,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="In the background: it outlives this terminal.")
    ] = False,
    wait: Wait = _WAIT,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Log to its file alone.")] = False,
    public: Annotated[
        bool, typer.Option("--public/--private", help="Who may use it, when it is configured by this command.")
    ] = True,
) -> None:
    """Run an endpoint until Ctrl-C. One that is not configured yet is configured first."""
    folder = _configured(name, public=public)
    if detach:
        _detached(folder, wait)
        return
    # Everything that an agent needs is heavy for the other commands.
    with loading():
        from openbeam_endpoint.agent.main import run

    run(folder, quiet=quiet)


@app.command()
def stop(name: Name) -> None:
    """Stop an endpoint; its unfinished tasks go back to the service."""
    from openbeam_endpoint import control

    folder = known(name)
    print(f"{name} has stopped." if control.stop(folder) else f"{name} does not run.")


@app.command()
def restart(name: Name, wait: Wait = _WAIT) -> None:
    """Stop an endpoint if it runs, and start it in the background, with its settings read again."""
    from openbeam_endpoint import control
    from openbeam_endpoint.unit import unit_name

    folder = known(name)
    if control.under_systemd(folder):
        raise Conflict(f"{name} runs under systemd. Restart it there: systemctl --user restart {unit_name(name)}")
    # Before it is stopped: wrong settings must not end a good agent.
    folder.config()
    control.stop(folder)
    _detached(folder, wait)


@app.command(hidden=True)
def seat(address: Annotated[str, typer.Argument(help="The agent's socket.")]) -> None:
    """Wait for an engine to be asked for: the first process of a container that a host keeps running."""
    # In this very process, and without all that a command line needs.
    os.execv(sys.executable, [sys.executable, "-m", "openbeam_endpoint.engine.seat", address])  # noqa: S606


def _configured(name: str, **given: Any) -> Folder:
    folder = named(name)
    if folder.configured:
        return folder
    from openbeam_endpoint.configure import configure

    return configure(Home.from_env(), name, {} if folder.config_path.exists() else given, tell)


def _detached(folder: Folder, wait: float) -> None:
    from openbeam_endpoint import control

    with diagnostics().status(f"Starting {folder.name}"):
        ready = control.start(folder, wait)
    said = "takes work" if ready else f"is still not ready after {wait:g} seconds, and goes on trying"
    print(f"{folder.name} {said} (process {folder.running()}). Its log: openbeam-endpoint logs {folder.name}")
