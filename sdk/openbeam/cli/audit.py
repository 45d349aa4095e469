"""``openbeam audit``: who did what to which object."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Annotated

import typer

from openbeam.cli.screen import rows
from openbeam.client import Client

__all__ = ["audit"]

_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]


def _moment(value: datetime | None) -> datetime | None:
    """Take what was typed as this machine's time."""
    return None if value is None else value.astimezone()


def audit(
    actor: Annotated[str | None, typer.Option(metavar="NAME", help="Who did it.")] = None,
    action: Annotated[str | None, typer.Option(metavar="KIND.VERB", help="What was done.")] = None,
    object_: Annotated[str | None, typer.Option("--object", metavar="NAME|ID", help="To what.")] = None,
    endpoint: Annotated[str | None, typer.Option(metavar="NAME|ID", help="Concerning which endpoint.")] = None,
    since: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="Not before.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=_FORMATS, help="Before.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 50,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Say who did what: you, and others at your endpoints; administrators see everything. Newest first."""
    filters = {"actor": actor, "action": action, "object": object_, "endpoint": endpoint}
    with Client() as client:
        found = client.audit(limit, **filters, since=_moment(since), until=_moment(until))
    if as_json:
        sys.stdout.writelines(entry.model_dump_json() + "\n" for entry in found)
        return
    rows(
        ["When", "Who", "With", "Did", "What", "Details"],
        [
            [
                entry.at.astimezone().strftime("%Y-%m-%d %H:%M:%S"),
                entry.actor,
                entry.client,
                entry.action,
                entry.name or entry.object_id,
                json.dumps(entry.details) if entry.details else "",
            ]
            for entry in found
        ],
        nothing="No entry fits.",
    )
