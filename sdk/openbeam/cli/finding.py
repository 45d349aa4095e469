"""Finding a dataset among many, and looking at one: ``openbeam datasets search`` and ``show``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

import typer
from rich.filesize import decimal

from openbeam.cli.screen import rows
from openbeam.client import Client
from openbeam.models import Dataset, Layout

__all__ = ["COMMANDS", "table"]


def table(found: Iterable[Dataset], *, nothing: str) -> None:
    """Print datasets, one a line."""
    rows(
        ["Dataset", "Events", "Size", "Title"],
        [[d.name, _events(d), _size(d) or "–", _title(d)] for d in found],
        nothing=nothing,
        whole=3,
    )


def _events(dataset: Dataset) -> str:
    return "" if dataset.events is None else f"{dataset.events:,}"


def _size(dataset: Dataset) -> str:
    return decimal(sum(file.size for file in dataset.files)) if dataset.files else ""


def _title(dataset: Dataset) -> str:
    told = {"local file": dataset.local, "simulated": dataset.simulated}
    remarks = [remark for remark, applies in told.items() if applies and remark not in dataset.title]
    return f"{dataset.title} ({', '.join(remarks)})" if remarks else dataset.title


def search(
    words: Annotated[list[str] | None, typer.Argument(metavar="[WORDS]...", help="All must be there.")] = None,
    experiment: Annotated[str | None, typer.Option(help="Of this experiment.")] = None,
    layout: Annotated[Layout | None, typer.Option(help="Whose columns become events in this way.")] = None,
    *,
    simulated: Annotated[bool | None, typer.Option("--simulated/--recorded", help="Simulated or recorded.")] = None,
) -> None:
    """Search names, titles, descriptions and columns; upper and lower case are the same."""
    with Client() as client:
        found = client.datasets()
    wanted = [word.casefold() for word in words or []]
    table(
        (
            dataset
            for dataset in found
            if all(word in _text(dataset) for word in wanted)
            and experiment in {None, dataset.experiment}
            and layout in {None, dataset.layout}
            and simulated in {None, dataset.simulated}
        ),
        nothing="No dataset fits.",
    )


def _text(dataset: Dataset) -> str:
    parts = (dataset.name, dataset.title, dataset.experiment, dataset.description, *dataset.columns)
    return " ".join(parts).casefold()


def show(name: Annotated[str, typer.Argument(metavar="DATASET", help="Its name.")]) -> None:
    """Show a dataset: what it is, where it is from, what to know of it, and its columns."""
    with Client() as client:
        found = client.dataset(name)
    facts = [
        ("Dataset", found.name),
        ("Title", found.title),
        ("Description", found.description),
        ("Experiment", found.experiment),
        ("Collisions", found.collision),
        ("Year", str(found.year or "")),
        ("Recorded", "no: simulated" if found.simulated else ""),
        ("Events", _events(found)),
        ("Files", f"{len(found.files):,}, {_size(found)}" if found.files else found.obtain),
        ("Layout", f"{found.layout}, tree {found.tree}" if found.tree else found.layout),
        ("Licence", found.license),
        ("Read about it", found.link),
        *(("Note", note) for note in found.notes),
        *((f"  {column}", meaning) for column, meaning in found.columns.items()),
    ]
    rows(["", ""], [fact for fact in facts if fact[1]], nothing="")


COMMANDS: Final = (search, show)
