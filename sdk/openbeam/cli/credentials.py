"""Commands about credentials for places that outputs go to."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from openbeam.cli.screen import rows
from openbeam.client import Client
from openbeam.errors import InvalidInput, UnknownCredential
from openbeam.models import MAX_SECRET, Credential, CredentialKind

__all__ = ["app"]

app = typer.Typer(help="Store what lets your tasks send files to a place of yours.", invoke_without_command=True)


@app.callback()
def _list(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_credentials()


@app.command("list")
def list_credentials() -> None:
    """List your credentials: all but their secrets."""
    with Client() as client:
        _show(client.credentials())


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What your tasks call it by.")],
    endpoint: Annotated[str, typer.Option(metavar="ENDPOINT", help="The one that may open it.")],
    to: Annotated[str, typer.Option(metavar="URL", help="A folder: root://server//path")],
    kind: Annotated[CredentialKind, typer.Option(help="What it is.")],
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="What it is in.  [default: input]")] = None,
    expires: Annotated[datetime | None, typer.Option(help="When it ends, UTC.")] = None,
    key: Annotated[str | None, typer.Option(metavar="ID", help="The endpoint's key, as its owner told you.")] = None,
) -> None:
    """Seal a credential to an endpoint, and store it. Neither the service nor its administrator can read it."""
    secret = _secret(file)
    moment = expires.replace(tzinfo=UTC) if expires else None
    with Client() as client:
        added = client.add_credential(
            name, endpoint=endpoint, destination=to, kind=kind, secret=secret, expires=moment, key_id=key
        )
    _show([added])


@app.command()
def remove(name: Annotated[str, typer.Argument(metavar="NAME", help="Its name, or its id.")]) -> None:
    """Remove a credential, at every endpoint that has one of this name."""
    with Client() as client:
        known = client.credentials()
        found = [one for one in known if name in {one.id, one.name}]
        if not found:
            raise UnknownCredential.among(name, {one.name for one in known})
        for one in found:
            client.remove_credential(one)


def _secret(file: Path | None) -> str:
    try:
        with file.open(encoding="utf-8") if file else sys.stdin as source:
            secret = source.read(MAX_SECRET + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file or 'The input'} cannot be read: {error}.") from error
    if not secret.strip():
        raise InvalidInput(f"{file or 'The input'} is empty.")
    return secret


def _show(found: list[Credential]) -> None:
    rows(
        ["Credential", "Endpoint", "Kind", "To", "Until", "State", "Id"],
        [
            [
                one.name,
                one.endpoint,
                one.kind.value,
                one.destination,
                f"{one.expires:%Y-%m-%d %H:%M}" if one.expires else "",
                "good" if one.good else "add it again",
                one.id,
            ]
            for one in found
        ],
        nothing="You have no credentials.",
    )
