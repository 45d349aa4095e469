"""``openbeam quota``: what one may have, and has."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from openbeam.cli.screen import rows
from openbeam.client import Client
from openbeam.models import QuotaUse

__all__ = ["quota"]


def quota(*, as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False) -> None:
    """Show your limits, and those that your classes have together, with what is used of them."""
    with Client() as client:
        found = client.quota()
    if as_json:
        sys.stdout.writelines(one.model_dump_json() + "\n" for one in found)
        return
    rows(
        ["Whose", "What", "Used", "Of", "Frees"],
        [
            [one.who, what, *_shown(use, unit)]
            for one in found
            for what, use, unit in (
                ("runs under way", one.runs, 1),
                ("calls under way", one.tasks, 1),
                ("hours of CPU time in 24 hours", one.cpu_seconds, 3600),
            )
        ],
        nothing="You have no quota.",
    )


def _shown(use: QuotaUse, unit: int) -> tuple[str, str, str]:
    """Return what is used, its limit, and when some of it frees."""
    limit = "no limit" if use.limit is None else _number(use.limit / unit)
    return _number(use.used / unit), limit, f"{use.frees.astimezone():%Y-%m-%d %H:%M}" if use.frees else ""


def _number(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")
