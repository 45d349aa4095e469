"""``openbeam-datasets``: publish the datasets that Openbeam comes with, or list them."""

from __future__ import annotations

import typer
from openbeam.errors import OpenbeamError

from openbeam_datasets.record import load_records

__all__ = ["main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The datasets that Openbeam comes with.")

SECONDS_FOR_THE_SERVICE = 60.0


@app.command()
def publish() -> None:
    """Publish every dataset to the service; those that are there already are replaced by themselves."""
    from openbeam import Client  # the list needs no HTTP client

    with Client() as client:
        client.wait_for_service(SECONDS_FOR_THE_SERVICE)
        for name, spec in load_records().items():
            client.publish_dataset(spec)
            typer.echo(f"published {name}: {spec.title}")


@app.command("list")
def list_() -> None:
    """List the datasets."""
    for name, spec in load_records().items():
        events = f"{spec.events:,} events" if spec.events is not None else "events not counted"
        typer.echo(f"{name}: {spec.title}, {events}, https://doi.org/{spec.doi}")


def main() -> None:
    """Run the command line; what goes wrong is said in one sentence."""
    try:
        app()
    except OpenbeamError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None
