"""``openbeam run``: start a run, watch it, print its histograms and its account."""

from __future__ import annotations

import json
import sys
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from openbeam.cli.screen import diagnostics, fail, plain, result
from openbeam.client import Client
from openbeam.errors import InvalidInput
from openbeam.models import Seconds, TaskProblem
from openbeam.run import Run
from openbeam.states import RunState

__all__ = ["default_dataset", "parameters", "print_json", "print_run", "say_problems", "watch"]


# ------------------------------------------------------------------------------------------------ before
def _refuse_constant(text: str) -> Any:
    raise ValueError(text)


def _value(text: str) -> Any:
    """Return JSON as what it says, anything else as text."""
    try:
        return json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        return text


def parameters(pairs: list[str]) -> dict[str, Any]:
    """Return the parameters of ``--param name=value``, given any number of times.

    Raises
    ------
    BadParameter
        When one is not of that form, or comes twice.

    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"Write {pair} as name=value.", param_hint="--param")
        if name in found:
            raise typer.BadParameter(f"{name} is given twice.", param_hint="--param")
        found[name] = _value(text)
    return found


def default_dataset(client: Client, function: str) -> str:
    """Return the dataset that a function was written for.

    Raises
    ------
    InvalidInput
        When its author named none.

    """
    written_for = client.function(function).datasets
    if not written_for:
        raise InvalidInput(f"{function} names no dataset of its own. Choose one with --dataset.", field="dataset")
    return written_for[0]


# ------------------------------------------------------------------------------------------------ during
def watch(run: Run, timeout: float | None) -> None:
    """Follow the run to its end, with a progress bar on a terminal."""
    console = diagnostics()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[events]}", markup=False),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(_activity(run), total=None, events="")
        for _ in run.events(timeout):
            account = run.account
            progress.update(
                task,
                description=_activity(run),
                total=account.events_expected or None,
                completed=account.events_processed + account.events_missing,
                events=account.sentence() if account.events_expected else "",
            )


def _activity(run: Run) -> str:
    return plain(run.record.activity or run.state)


# ------------------------------------------------------------------------------------------------ after
def print_json(run: Run) -> None:
    """Print the run as one JSON object."""
    histograms = {} if run.state is RunState.failed else run.uhi
    answer = {
        "run": run.id,
        "state": run.state.value,
        "account": run.account.model_dump(mode="json"),
        "seconds": run.seconds.model_dump(mode="json"),
        "histograms": histograms,
        "provenance": run.provenance.model_dump(mode="json"),
        "errors": [problem.model_dump(mode="json") for problem in run.errors],
    }
    sys.stdout.write(json.dumps(answer) + "\n")


def print_run(run: Run) -> None:
    """Print the histograms, then where every event went and what was run on what."""
    console = result()
    if run.state is not RunState.failed:
        _print_histograms(console, run)
    provenance = run.provenance
    style = "green" if run.state is RunState.complete else "red"
    console.print(Text.assemble((run.state.value, style), "  ", run.account.sentence()))
    console.print(Text(f"{plain(provenance.function)} on {plain(provenance.source())}"), soft_wrap=True)
    console.print(Text(f"run {run.id}{_times(run.seconds)}", style="dim"), soft_wrap=True)


def _print_histograms(console: Console, run: Run) -> None:
    # Only here are hist and histoprint needed, which take a second to import.
    from openbeam.cli.figure import draw

    for name, histogram in run.histograms.items():
        draw(console, name, histogram, simulated=run.provenance.simulated)
        console.print()


def _times(seconds: Seconds) -> str:
    known = {"first histogram": seconds.first_histogram, "in all": seconds.total}
    words = [f"{name} {value:.2f} s" for name, value in known.items() if value is not None]
    return f"  {', '.join(words)}" if words else ""


def say_problems(run: Run) -> None:
    """Say on stderr why a run is not complete."""
    if not run.errors:
        fail(f"run {run.id} is {run.state.value}: {run.account.sentence()}")
    for problem in run.errors:
        fail(_problem(problem))


def _problem(problem: TaskProblem) -> str:
    line, code = problem.details.get("line"), problem.details.get("code")
    if line is None or f"line {line}" in problem.message:
        return problem.message
    return f"{problem.message} (line {line}: {plain(code)})" if code else f"{problem.message} (line {line})"
