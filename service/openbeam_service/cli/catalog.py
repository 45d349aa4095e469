"""``openbeam-service catalog``: what the installation shares with everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(help="Functions and datasets that everybody has.", no_args_is_help=True)


@app.command()
def sync(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE]", help="A catalog.  [default: all installed]")] = None,
) -> None:
    """Publish every function and dataset of the installed catalogs, as the operator. What is there already stays."""
    from openbeam_service.catalog import from_file, installed, publish
    from openbeam_service.provision import opened
    from openbeam_service.settings import Settings

    found = [from_file(file)] if file else installed()
    with opened(Settings()) as db:
        done = [line for one in found for line in publish(db, one)]
    for line in done:
        print(line)
    if not done:
        print("No catalog is installed beside the service. From where one is: `openbeam-catalog publish`.")
