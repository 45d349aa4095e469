"""Commands about personal tokens."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from openbeam.cli.screen import diagnostics, rows
from openbeam.client import Client

__all__ = ["app"]

app = typer.Typer(
    help="List, make and revoke personal tokens, for programs that cannot sign in.", invoke_without_command=True
)


@app.callback()
def _list(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_tokens()


@app.command("list")
def list_tokens() -> None:
    """List your personal tokens."""
    with Client() as client:
        found = client.tokens()
    rows(
        ["Id", "For", "May", "Until", "Last used"],
        [
            [
                token.id,
                token.name,
                " ".join(token.scopes),
                f"{token.expires:%Y-%m-%d}",
                f"{token.last_used:%Y-%m-%d %H:%M}" if token.last_used else "never",
            ]
            for token in found
        ],
        nothing="You have no personal tokens.",
    )


@app.command()
def make(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    scope: Annotated[
        list[str] | None,
        typer.Option(metavar="SCOPE", help="What it may do; any number of times.  [default: all that you may]"),
    ] = None,
    days: Annotated[int | None, typer.Option(min=1, max=3650, help="Days until it expires.  [default: 90]")] = None,
) -> None:
    """Make a personal token and print it. It is shown this once."""
    with Client() as client:
        made = client.make_token(name, scope, days)
    sys.stdout.write(f"{made.token}\n")
    diagnostics().print(f"Good until {made.expires:%Y-%m-%d}, for: {' '.join(made.scopes)}. It is not shown again.")


@app.command()
def revoke(token_id: Annotated[str, typer.Argument(metavar="ID", help="As `openbeam tokens list` shows it.")]) -> None:
    """Make a personal token worthless at once."""
    with Client() as client:
        client.revoke_token(token_id)
