"""Commands that look at endpoints and change nothing."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from typing import Annotated, Final

import typer
from openbeam.cli.screen import plain, result
from openbeam.errors import NotKnown
from openbeam.home import Home
from pydantic import TypeAdapter
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from openbeam_endpoint.cli.names import AsJson, Name, known
from openbeam_endpoint.exits import NOT_RUNNING
from openbeam_endpoint.folder import folders
from openbeam_endpoint.view import Listed, Status, listed
from openbeam_endpoint.view import status as look

__all__ = ["app"]

app = typer.Typer()

_STYLES: Final = {"running": "green", "starting": "yellow", "stopped": "dim", "broken": "red"}
_HEADINGS: Final = ("Endpoint", "State", "Workers", "Isolation", "Owner", "Service", "")


@app.command(name="list")
def show(as_json: AsJson = False) -> None:
    """List the endpoints of this machine."""
    found = [listed(folder) for folder in folders(Home.from_env()) if folder.configured]
    if as_json:
        print(TypeAdapter(list[Listed]).dump_json(found, indent=2).decode())
    elif not result().is_terminal:
        for one in found:
            print("\t".join([one.name, one.state, *_cells(one)]))
    elif found:
        table = Table(*_HEADINGS, box=None, header_style="bold", pad_edge=False)
        for one in found:
            table.add_row(plain(one.name), _state(one), *(Text(cell) for cell in _cells(one)))
        result().print(table)
    else:
        result().print("No endpoint is configured here. Make one: openbeam-endpoint configure NAME", style="dim")


@app.command()
def status(name: Name, as_json: AsJson = False) -> None:
    """Show how an endpoint is. The exit status is 0 when it runs, and 3 when it does not."""
    found = look(known(name))
    if as_json:
        print(found.model_dump_json(indent=2))
    elif result().is_terminal:
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        table.add_row(Text(name, style="bold"), _state(found))
        for word, value in _facts(found):
            table.add_row(word, Text(plain(value)))
        result().print(table)
    else:
        for word, value in [("endpoint", name), ("state", found.state), *_facts(found)]:
            print(f"{word}\t{plain(value)}")
    raise typer.Exit(0 if found.state in {"running", "starting"} else NOT_RUNNING)


@app.command()
def logs(
    name: Name,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, max=1_000_000, help="The newest lines.")] = 50,
) -> None:
    """Show what an endpoint has logged."""
    folder = known(name)
    if not folder.log_path.exists():
        raise NotKnown(f"{name} has not been started yet, so it has no log.", name=name)
    # tail knows how to go on when the log is put aside for a new one.
    command = [
        "tail",
        f"--lines={lines}",
        *(["--follow=name", "--retry"] if follow else []),
        "--",
        str(folder.log_path),
    ]
    program = shutil.which("tail")
    if program is None:
        raise NotKnown(f"The program tail is not installed here. Read {folder.log_path}.", path=str(folder.log_path))
    sys.stdout.flush()
    os.execv(program, command)  # noqa: S606 - no shell is what we want


@app.command()
def unit(name: Name) -> None:
    """Print a systemd user unit that keeps an endpoint running."""
    from openbeam_endpoint.unit import unit as text

    print(text(known(name)), end="")


def _state(found: Listed) -> Text:
    return Text(f"● {found.state}", style=_STYLES[found.state])


def _cells(found: Listed) -> list[str]:
    cells = (found.workers, found.isolation, found.owner, found.url, found.reason)
    return ["" if cell is None else plain(cell) for cell in cells]


def _facts(found: Status) -> list[tuple[str, object]]:
    load = f"{decimal(found.load.memory)} in {found.load.processes} processes" if found.load else None
    facts = [
        ("reason", found.reason),
        ("trouble", found.trouble),
        ("process", found.pid),
        ("since", f"{found.since.astimezone():%Y-%m-%d %H:%M} ({_ago(found.since)})" if found.since else None),
        ("workers", found.workers),
        ("isolation", found.isolation),
        ("blocks", found.blocks),
        ("memory", load),
        ("service", f"{found.url} {found.service}" if found.url else None),
        ("owner", found.owner),
        ("id", found.endpoint_id),
        ("sealing key", found.key_id),
        ("version", found.version),
        ("settings", found.config),
        ("log", found.log),
    ]
    return [(word, value) for word, value in facts if value not in (None, "")]


def _ago(moment: datetime) -> str:
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for size, unit_ in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= size:
            count = seconds // size
            return f"for {count} {unit_}{'s' if count > 1 else ''}"
    return f"for {seconds} seconds"
