"""Commands about datasets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from openbeam.cli.screen import diagnostics, rows
from openbeam.client import Client
from openbeam.models import Layout

__all__ = ["app"]

app = typer.Typer(help="List datasets, or add a file of your own.", invoke_without_command=True)


@app.callback()
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


@app.command()
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
