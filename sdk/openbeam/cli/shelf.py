"""A command line for content that a package brings along: publish it to a service, or list it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeVar

import typer

from openbeam.cli.screen import fail
from openbeam.errors import OpenbeamError

if TYPE_CHECKING:
    from openbeam import Client

__all__ = ["run"]

SECONDS_FOR_THE_SERVICE: Final = 60.0

Piece = TypeVar("Piece")


def run(
    about: str,
    load: Callable[[], Iterable[Piece]],
    publish: Callable[[Client, Piece], str],
    line: Callable[[Piece], str],
) -> None:
    """Run the commands ``publish`` and ``list``; what goes wrong is said in one sentence.

    ``publish`` returns what the piece is called once it is published, ``line`` what the list says of it.
    """
    app = typer.Typer(no_args_is_help=True, add_completion=False, help=about)

    @app.command("publish")
    def publish_all() -> None:
        """Publish all of it to the service; what is there already, and the same, stays as it is."""
        from openbeam import Client  # the list needs no HTTP client

        with Client() as client:
            client.wait_for_service(SECONDS_FOR_THE_SERVICE)
            for piece in load():
                typer.echo(f"published {publish(client, piece)}")

    @app.command("list")
    def list_all() -> None:
        """List all of it."""
        for piece in load():
            typer.echo(line(piece))

    try:
        app()
    except OpenbeamError as error:
        fail(error)
        raise SystemExit(1) from None
