"""``make footprint``: times and memory of a started stack, each figure measured now.

Prints the time from ``launch/up`` to the first histogram, medians of ten warm ``z_mumu`` runs with ten parameters, the
proportional set size (PSS) of every process of the idle stack, and what 500 runs add to it. Linux only: PSS is from
``/proc``.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil
from openbeam import Client
from openbeam.states import RunState
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
from support.stack import Stack, command

MIB = 1024 * 1024
console = Console()


def role(process: psutil.Process) -> str:
    """Name a process by what it does in the stack."""
    line = command(process)
    known = {
        "valkey-server": "valkey",
        "openbeam-service": "service",
        "openbeam-portal": "portal",
        "openbeam-endpoint": "endpoint: agent",
        "supervisord": "supervisord",
        "HTEX interchange": "engine: interchange",
        "process_worker_pool": "engine: manager",
        "multiprocessing.resource_tracker": "engine: resource tracker",
        "multiprocessing.forkserver": "engine: workers and their fork server",
        "engine.main": "engine: main, zygote and a child in waiting",
        "bwrap": "engine: bubblewrap",
    }
    return next((name for word, name in known.items() if word in line), process.name())


def memory(stack: Stack) -> dict[str, float]:
    """Return MiB of PSS by role, summed over the processes of that role."""
    total: dict[str, float] = {}
    for process in stack.processes():
        try:
            name, used = role(process), process.memory_full_info().pss / MIB
        except psutil.NoSuchProcess:
            continue
        total[name] = total.get(name, 0.0) + used
    return total


def one_run(client: Client, bins: int) -> tuple[float, float]:
    """Run ``z_mumu`` once, warm, and return seconds to the first histogram and to complete, as the client sees them."""
    began = time.perf_counter()
    first: float | None = None
    run = client.submit_run("z_mumu", "cms-2010-zmumu", params={"bins": bins}, fresh=True)
    for update in run.events():
        if first is None and update.histograms:
            first = time.perf_counter() - began
    run.refresh()
    if run.state is not RunState.complete or run.account.events_processed != 2304 or first is None:
        raise SystemExit(f"run {run.id} ended {run.state}: {run.account.sentence()}")
    return first, time.perf_counter() - began


def times(client: Client) -> None:
    """Print medians of ten warm runs, each with another number of bins."""
    one_run(client, 29)
    measured = [one_run(client, 30 + number) for number in range(10)]
    for what, index in (("first histogram", 0), ("complete", 1)):
        values = [pair[index] for pair in measured]
        console.print(
            f"z_mumu, warm: {what} after [bold]{statistics.median(values):.3f} s[/bold] "
            f"(median of ten; {min(values):.3f} to {max(values):.3f})"
        )


def table(before: dict[str, float], after: dict[str, float], runs: int) -> Table:
    """Return the memory table."""
    shown = Table("process", title="PSS, MiB")
    for heading in ("idle", f"after {runs} runs", "change"):
        shown.add_column(heading, justify="right")
    for name in sorted(before | after, key=lambda name: -before.get(name, 0)):
        old, new = before.get(name, 0.0), after.get(name, 0.0)
        shown.add_row(name, f"{old:.0f}", f"{new:.0f}", f"{new - old:+.1f}")
    total: list[Any] = [sum(before.values()), sum(after.values())]
    shown.add_section()
    shown.add_row("all", f"{total[0]:.0f}", f"{total[1]:.0f}", f"{total[1] - total[0]:+.1f}")
    return shown


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--runs", type=int, default=500, help="runs between the two looks at memory")
    runs = asked.parse_args().runs
    with tempfile.TemporaryDirectory(prefix="openbeam-footprint-") as home:
        stack = Stack(Path(home))
        try:
            console.print(f"launch/up to first histogram: [bold]{stack.start():.1f} s[/bold]")
            time.sleep(10)
            before = memory(stack)
            with stack.client() as client:
                times(client)
                settled = memory(stack)
                middle = growth(client, stack, runs)
            console.print(table(before, memory(stack), runs))
            console.print(f"after the ten timed runs {sum(settled.values()):.0f} MiB, halfway {middle:.0f} MiB")
        finally:
            left = stack.stop()
    if left:
        raise SystemExit(f"left running: {left}")


def growth(client: Client, stack: Stack, runs: int) -> float:
    """Do many runs; return MiB of PSS halfway, so that a leak can be told from warming up."""
    middle = 0.0
    for number in range(runs):
        one_run(client, 30 + number % 60)
        if number == runs // 2:
            middle = sum(memory(stack).values())
    return middle


if __name__ == "__main__":
    main()
