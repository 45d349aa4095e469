"""Commands for what is under way: runs and calls that were started, here or elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer

from openbeam.cli.screen import lines, rows
from openbeam.client import Client
from openbeam.errors import UnknownRun

__all__ = ["COMMANDS"]

Id = Annotated[str, typer.Argument(metavar="ID", help="Of a run or a task.")]


def cancel(work_id: Id) -> None:
    """Stop a run or a call."""
    with Client() as client:
        try:
            ended: Any = client.get_run(work_id).cancel()
            words = ended.account.sentence() if ended.account.events_expected else ""
        except UnknownRun:
            ended, words = client.cancel(work_id), ""
    rows(["Id", "State", "Events"], [[ended.id, ended.state.value, words]], nothing="")


def output(task_id: Annotated[str, typer.Argument(metavar="TASK", help="Its id.")]) -> None:
    """Print what a task printed: its output to stdout, its errors to stderr."""
    with Client() as client:
        printed = client.get_output(task_id)
    sys.stdout.write(lines(printed.stdout))
    sys.stderr.write(lines(printed.stderr))


COMMANDS: tuple[Callable[..., Any], ...] = (cancel, output)
