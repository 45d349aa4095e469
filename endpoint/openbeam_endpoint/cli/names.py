"""Arguments and words that several commands have."""

from __future__ import annotations

from typing import Annotated

import typer
from openbeam.cli.screen import diagnostics
from openbeam.errors import UnknownEndpoint
from openbeam.home import Home

from openbeam_endpoint import config as settings
from openbeam_endpoint.folder import Folder, folders

__all__ = ["AsJson", "Name", "known", "named", "tell"]

Name = Annotated[str, typer.Argument(help="The endpoint's name: lower-case letters, digits, - and _.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


def named(name: str) -> Folder:
    """Return the folder of an endpoint that may not be there yet.

    Raises
    ------
    InvalidInput
        When no endpoint can have this name.

    """
    return Folder(Home.from_env().endpoint(settings.make({"name": name}).name))


def known(name: str) -> Folder:
    """Return the folder of a configured endpoint.

    Raises
    ------
    UnknownEndpoint
        With the nearest names, and how to make one.

    """
    folder = named(name)
    if not folder.configured:
        error = UnknownEndpoint.among(name, [other.name for other in folders(Home.from_env()) if other.configured])
        raise UnknownEndpoint(f"{error} Make one: openbeam-endpoint configure {name}", **error.details)
    return folder


def tell(text: str) -> None:
    """Say on standard error what the owner of an endpoint should know."""
    diagnostics().print(text, style="yellow", soft_wrap=True)
