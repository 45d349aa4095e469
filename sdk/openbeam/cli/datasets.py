"""Commands about datasets."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from openbeam.cli import finding
from openbeam.cli.importing import import_record
from openbeam.cli.screen import diagnostics, rows
from openbeam.client import Client
from openbeam.extras import extra
from openbeam.models import Layout

__all__ = ["app"]

SIMULATED_LIKE: Final = "cms-2012-doublemu"
"""What ``simulate`` makes events like."""

app = typer.Typer(help="List and search datasets, or add some.", invoke_without_command=True)
app.command("import")(import_record)


@app.callback()
def datasets(context: typer.Context) -> None:
    """List the datasets that you may use."""
    if context.invoked_subcommand:
        return
    with Client() as client:
        finding.table(client.datasets(), nothing="No datasets yet.")


for command in finding.COMMANDS:
    app.command()(command)


@app.command()
def add(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A ROOT or CSV file.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="What to call the dataset.")],
    tree: Annotated[
        str | None, typer.Option(metavar="NAME", help="Its tree.  [default: as in --like, or Events]")
    ] = None,
    layout: Annotated[
        Layout | None,
        typer.Option(help="How its columns become events.  [default: csv for *.csv, else as in --like, or nanoaod]"),
    ] = None,
    like: Annotated[str | None, typer.Option(metavar="DATASET", help="A dataset with the same columns.")] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="One line that says what it is.")] = None,
    *,
    simulated: Annotated[bool, typer.Option("--simulated", help="No detector recorded it: figures say so.")] = False,
) -> None:
    """Add a file of your own as a dataset."""
    send(file, name=name, tree=tree, layout=layout, like=like, title=title, simulated=simulated)


def send(file: Path, **about: Any) -> None:
    """Upload a file with a progress bar, publish it, and print what it became."""
    console = diagnostics()
    columns = (TextColumn("sending"), BarColumn(), DownloadColumn())
    progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    with Client() as client, progress:
        task = progress.add_task("", total=None)
        dataset = client.add_local_file(
            file, on_progress=lambda sent, size: progress.update(task, completed=sent, total=size), **about
        )
    size = decimal(sum(entry.size for entry in dataset.files))
    rows(["Dataset", "Size", "Checksum"], [[dataset.name, size, dataset.files[0].checksum]], nothing="")


def _events(text: str) -> int:
    """Return a number of events, which people also write as ``1e6`` or ``1_000_000``."""
    try:
        return int(text)
    except ValueError:
        with suppress(ValueError):
            if (number := float(text)).is_integer():
                return int(number)
    raise typer.BadParameter(f"{text} is not a whole number, as 250000 or 1e6 is")


@app.command()
def simulate(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The ROOT file to write.")],
    events: Annotated[int, typer.Option(parser=_events, metavar="EVENTS", help="How many; 1e6 is a million.")],
    seed: Annotated[int, typer.Option(metavar="NUMBER", help="The same seed gives the same events.")] = 1,
    add_as: Annotated[
        str | None, typer.Option("--add", metavar="NAME", help="Also add it as a dataset of this name.")
    ] = None,
) -> None:
    """Make events that look like those of cms-2012-doublemu, for lessons without a network."""
    write = extra("simulate")
    console = diagnostics()
    columns = (TextColumn("drawing events"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=events)
        write(output, events=events, seed=seed, on_progress=lambda done, _: progress.update(task, completed=done))
    rows(["File", "Events", "Size"], [[output, f"{events:,}", decimal(output.stat().st_size)]], nothing="")
    if add_as is not None:
        title = f"Simulated events with muons ({events:,}, seed {seed})"
        send(output, name=add_as, like=SIMULATED_LIKE, title=title, simulated=True)
