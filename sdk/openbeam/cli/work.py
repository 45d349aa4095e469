"""Commands for what is under way: runs and calls that were started, here or elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.filesize import decimal

from openbeam.cli import running
from openbeam.cli.screen import lines, rows
from openbeam.client import Client
from openbeam.errors import UnknownRun
from openbeam.models import Task
from openbeam.states import RunState

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


def output(
    task_id: Annotated[str, typer.Argument(metavar="TASK", help="Its id.")],
    *,
    files: Annotated[bool, typer.Option("--files", help="List the files that it wrote, and where they are.")] = False,
) -> None:
    """Print what a task printed: its output to stdout, its errors to stderr."""
    with Client() as client:
        if files:
            _list_files(client.get_task(task_id))
            return
        printed = client.get_output(task_id)
    sys.stdout.write(lines(printed.stdout))
    sys.stderr.write(lines(printed.stderr))


def _list_files(task: Task) -> None:
    rows(
        ["File", "Size", "Checksum"],
        [[file.uri, decimal(file.size), file.checksum] for file in task.outputs],
        nothing="No files.",
    )


def runs(
    state: Annotated[RunState | None, typer.Option(help="Keep those in this state.")] = None,
    function: Annotated[str | None, typer.Option(metavar="NAME", help="Keep those of this function.")] = None,
    since: Annotated[datetime | None, typer.Option(help="Keep those submitted since then, UTC.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 20,
) -> None:
    """List your runs, newest first."""
    moment = since.replace(tzinfo=UTC) if since else None
    with Client() as client:
        found = client.runs(limit, state=state, function=function, since=moment)
    rows(
        ["Run", "State", "Function", "Dataset", "Events", "Submitted"],
        [
            [
                run.id,
                run.state.value,
                run.provenance.function,
                run.provenance.dataset,
                run.account.sentence(),
                f"{run.record.created:%Y-%m-%d %H:%M}",
            ]
            for run in found
        ],
        nothing="No runs.",
    )


def resubmit(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Its id.")],
    endpoint: Annotated[str | None, typer.Option(metavar="ENDPOINT", help="Where.  [default: the same]")] = None,
) -> int:
    """Compute the events that a run lacks, and print its histograms."""
    with Client() as client:
        again = client.get_run(run_id).resubmit(endpoint)
        running.watch(again, None)
        running.print_run(again)
    if again.state is RunState.complete:
        return 0
    running.say_problems(again)
    return 1


def keep(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="Its id.")],
    *,
    no_longer: Annotated[bool, typer.Option("--no-longer", help="Let go of it.")] = False,
) -> None:
    """Keep a run's result for as long as somebody cites it."""
    with Client() as client:
        kept = client.get_run(run_id).keep(kept=not no_longer)
    rows(["Run", "Kept"], [[kept.id, "yes" if kept.record.kept else "no"]], nothing="")


COMMANDS: tuple[Callable[..., Any], ...] = (cancel, output, runs, resubmit, keep)
