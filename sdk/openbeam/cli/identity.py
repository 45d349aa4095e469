"""``openbeam login``, ``logout`` and ``whoami``."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from openbeam.cli.screen import diagnostics, rows
from openbeam.client import Client

__all__ = ["login", "logout", "whoami"]


def login(
    *,
    device: Annotated[
        bool | None,
        typer.Option("--device/--browser", help="Show a code, or open the browser.  [default: what this machine can]"),
    ] = None,
    admin: Annotated[bool, typer.Option("--admin", help="Ask for an administrator's powers too.")] = False,
) -> None:
    """Sign in to the service."""
    with Client.login(device=device, admin=admin) as client:
        _say_who(client)
    if os.environ.get("OPENBEAM_TOKEN"):
        diagnostics().print("OPENBEAM_TOKEN is set, and goes before this sign-in.", style="yellow")


def logout(
    *, everywhere: Annotated[bool, typer.Option("--everywhere", help="End all others of yours too.")] = False
) -> None:
    """End the sign-in that `openbeam login` began."""
    with Client() as client:
        ended = client.logout(everywhere=everywhere)
    diagnostics().print("Signed out." if ended else "You were not signed in.")


def whoami() -> None:
    """Say who you are to the service."""
    with Client() as client:
        _say_who(client)


def _say_who(client: Client) -> None:
    user = client.whoami()
    line = [user.name, user.role.value, " ".join(user.scopes), client.url]
    rows(["Name", "Role", "May", "Service"], [line], nothing="")
