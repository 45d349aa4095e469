"""All commands in one application, and how each of them ends."""

from __future__ import annotations

import os
import sys
from typing import Final

import typer
from openbeam.cli.screen import plain
from openbeam.errors import OpenbeamError

from openbeam_endpoint.cli import host, looking, making, running
from openbeam_endpoint.exits import exit_status

__all__ = ["main"]

_GROUPS: Final = (making.app, running.app, looking.app)


def _application() -> typer.Typer:
    app = typer.Typer(
        help="Lend this machine to an Openbeam service.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    for group in _GROUPS:
        app.add_typer(group)
    app.add_typer(host.app, name="host")
    return app


def main() -> None:
    """Run the command; an error is one plain line, and an exit status that says its kind."""
    try:
        _application()()
    except OpenbeamError as error:
        if os.environ.get("OPENBEAM_DEBUG") == "1":
            raise
        print(plain(error), file=sys.stderr)
        sys.exit(exit_status(error))
