"""The commands, their options, and how each of them ends."""

from __future__ import annotations

import os
import sys
import warnings
from io import TextIOWrapper
from typing import Annotated

import typer
from typer.exceptions import TyperException

from openbeam import __version__
from openbeam.cli import (
    classes,
    credentials,
    datasets,
    endpoints,
    fitting,
    functions,
    hosts,
    identity,
    running,
    tokens,
    work,
)
from openbeam.cli.audit import audit
from openbeam.cli.quota import quota
from openbeam.cli.screen import fail, plain
from openbeam.client import Client
from openbeam.errors import OpenbeamError
from openbeam.states import RunState

__all__ = ["app", "run_app"]

app = typer.Typer(
    name="openbeam",
    help="Beam time for everyone: analyses of CERN Open Data, from the command line.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.add_typer(datasets.app, name="datasets")
app.add_typer(classes.app, name="classes")
app.add_typer(credentials.app, name="credentials")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(functions.app, name="functions")
app.add_typer(hosts.app, name="hosts")
app.add_typer(tokens.app, name="tokens")

for command in (*work.COMMANDS, *fitting.COMMANDS):
    app.command()(command)


@app.callback()
def _root(
    context: typer.Context,
    *,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


for command in (identity.login, identity.logout, identity.whoami, audit, quota):
    app.command()(command)


@app.command()
def run(
    function: Annotated[str, typer.Argument(metavar="FUNCTION", help="Name, name@version or id.")],
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="Name.  [default: the one it was written for]")
    ] = None,
    param: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="A parameter; any number of times.")
    ] = None,
    endpoint: Annotated[
        str | None, typer.Option(metavar="ENDPOINT", help="Where to run.  [default: the service chooses]")
    ] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", min=0, help="Seconds to wait.  [default: to the end]")
    ] = None,
    *,
    fresh: Annotated[bool, typer.Option("--fresh", help="Compute again what is known already.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Run an analysis over a dataset and print its histograms."""
    params = running.parameters(param or [])
    with Client() as client:
        started = client.submit_run(
            function,
            dataset or running.default_dataset(client, function),
            endpoint=endpoint,
            fresh=fresh,
            params=params,
        )
        try:
            running.watch(started, timeout)
        except KeyboardInterrupt:
            fail(f"no longer watching; run {started.id} goes on (stop it with: openbeam cancel {started.id})")
            return 130
        (running.print_json if as_json else running.print_run)(started)
    if started.state is RunState.complete:
        return 0
    running.say_problems(started)
    return 1


def _end(error: BaseException) -> int:
    """Say what went wrong in one line, and return the exit code."""
    if isinstance(error, TyperException):
        fail(error.format_message())
        return error.exit_code
    if isinstance(error, OpenbeamError):
        fail(error)
    else:
        fail(f"{type(error).__name__}: {error}. Set OPENBEAM_DEBUG=1 to see where.")
    return 1


def _show_warning(message: Warning | str, *_: object) -> None:
    """Show what the client warns of as a sentence: where in its source it does so concerns nobody here."""
    sys.stderr.write(f"warning: {plain(message)}\n")


def run_app(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code: 0, 1 when it did not work out, 2 when it was typed wrong."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal without Unicode shows question marks, not an error.
            stream.reconfigure(errors="replace")
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning  # type: ignore[assignment]  # it takes the rest as it comes
            code = app(arguments, standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read the output has seen enough; Python must not complain about it at exit either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("OPENBEAM_DEBUG"):
            raise
        return _end(error)
    return int(code or 0)
