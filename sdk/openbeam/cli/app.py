"""The commands, their options, and how each of them ends."""

from __future__ import annotations

import os
import sys
import warnings
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn
from typer.exceptions import TyperException

from openbeam import __version__
from openbeam.cli import classes, credentials, endpoints, functions, hosts, identity, running, tokens, work
from openbeam.cli.audit import audit
from openbeam.cli.quota import quota
from openbeam.cli.screen import diagnostics, fail, plain, rows
from openbeam.client import Client
from openbeam.errors import OpenbeamError
from openbeam.models import Layout
from openbeam.states import RunState

__all__ = ["app", "run_app"]

app = typer.Typer(
    name="openbeam",
    help="Beam time for everyone: analyses of CERN Open Data, from the command line.",
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
datasets_app = typer.Typer(help="List datasets, or add a file of your own.", invoke_without_command=True)
app.add_typer(datasets_app, name="datasets")
app.add_typer(classes.app, name="classes")
app.add_typer(credentials.app, name="credentials")
app.add_typer(endpoints.app, name="endpoints")
app.add_typer(functions.app, name="functions")
app.add_typer(hosts.app, name="hosts")
app.add_typer(tokens.app, name="tokens")

for command in work.COMMANDS:
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


for command in (identity.login, identity.logout, identity.whoami):
    app.command()(command)


app.command()(audit)
app.command()(quota)


@datasets_app.callback()
def datasets(context: typer.Context) -> None:
    """List the datasets that you may use."""
    if context.invoked_subcommand:
        return
    with Client() as client:
        found = client.datasets()
    rows(
        ["Dataset", "Title", "Experiment", "Events", "Size", "From"],
        [
            [
                d.name,
                d.title,
                d.experiment,
                "" if d.events is None else f"{d.events:,}",
                decimal(sum(file.size for file in d.files)),
                "local file" if d.local else f"doi:{d.doi}" if d.doi else "",
            ]
            for d in found
        ],
        nothing="No datasets yet.",
    )


@datasets_app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A ROOT file.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call the dataset.")],
    tree: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its tree.  [default: as in --like, or Events]")
    ] = None,
    layout: Annotated[Layout | None, typer.Option(help="How its columns become events.")] = None,
    like: Annotated[str | None, typer.Option(metavar="DATASET", help="A dataset with the same columns.")] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="One line that says what it is.")] = None,
) -> None:
    """Add a file of your own as a dataset."""
    console = diagnostics()
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with Client() as client, progress:
        task = progress.add_task("", total=None)
        dataset = client.add_local_file(
            file,
            name,
            tree=tree,
            layout=layout,
            like=like,
            title=title,
            on_progress=lambda sent, size: progress.update(task, completed=sent, total=size),
        )
    size = decimal(sum(entry.size for entry in dataset.files))
    rows(["Dataset", "Size", "Checksum"], [[dataset.name, size, dataset.files[0].checksum]], nothing="")


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
