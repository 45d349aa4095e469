"""All commands in one application, and how each of them ends."""

from __future__ import annotations

import sys
from typing import Final

import typer
from openbeam.errors import OpenbeamError
from openbeam.loading import seldom
from pydantic import ValidationError

from openbeam_service.cli import catalog, classes, doctor, keeping, keys, people, quotas, running

__all__ = ["main"]

_GROUPS: Final = (
    (running.app, None),
    (keeping.app, None),
    (doctor.app, None),
    (catalog.app, "catalog"),
    (people.app, None),
    (people.users, "user"),
    (classes.app, "class"),
    (keys.app, "keys"),
    (quotas.app, "quota"),
)
"""Commands, and the word before them; a new group is one row here."""


def _application() -> typer.Typer:
    app = typer.Typer(help="The Openbeam service.", no_args_is_help=True, add_completion=False, rich_markup_mode=None)
    for group, name in _GROUPS:
        app.add_typer(group, name=name)
    return app


def _explained(error: Exception) -> str | None:
    """Return a mistake of the person who runs the service, in one plain line; None for a mistake of ours."""
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, ValidationError):
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        return f"OPENBEAM_{name}: {first['msg'].removeprefix('Value error, ')}"
    if isinstance(error, SQLAlchemyError):
        cause = str(getattr(error, "orig", None) or error).splitlines()[0]
        return f"The database cannot be used: {cause}. Run `openbeam-service init` first."
    return str(error) if isinstance(error, OpenbeamError | OSError) else None


def main() -> None:
    """Run the command; a mistake is one plain line and exit status 1."""
    seldom()
    try:
        _application()()
    except Exception as error:
        line = _explained(error)
        if line is None:
            raise
        print(f"openbeam-service: {line}", file=sys.stderr)
        sys.exit(1)
