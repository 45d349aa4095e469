"""``openbeam-catalog``: publish the shared physics functions, or list them."""

from __future__ import annotations

import typer
from openbeam.errors import OpenbeamError

from openbeam_catalog.catalog import load_catalog

__all__ = ["main"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="The shared physics functions.")

SECONDS_FOR_THE_SERVICE = 60.0


@app.command()
def publish() -> None:
    """Publish every function to the service; one that is there already, and the same, stays as it is."""
    from openbeam import Client  # the list needs no HTTP client

    with Client() as client:
        client.wait_for_service(SECONDS_FOR_THE_SERVICE)
        for spec in load_catalog():
            function = client.publish_function(spec)
            typer.echo(f"published {function.name}@{function.version}: {spec.title}")


@app.command("list")
def list_() -> None:
    """List the functions."""
    for spec in load_catalog():
        typer.echo(f"{spec.name}: {spec.title}, for {', '.join(spec.datasets)}")


def main() -> None:
    """Run the command line; what goes wrong is said in one sentence."""
    try:
        app()
    except OpenbeamError as error:
        typer.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None
