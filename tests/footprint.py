"""``make footprint``: times and memory of a started stack, each figure measured now.

Prints the time from ``launch/up`` to the first histogram, medians of ten warm ``z_mumu`` runs with ten parameters, the
proportional set size (PSS) of every process of the idle stack, and what 500 runs add to it once 1,000 have warmed it up
(caches of statements and of database pages, which have a bound, fill over the first ones). Linux only: PSS is from
``/proc``, and shares with other copies of the same programs, so measure with no other stack running.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import psutil
from openbeam import Client
from openbeam.states import RunState
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parent))
from support.stack import Stack, command

MIB = 1024 * 1024
SETTLED = 10.0
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


def table(looks: dict[str, dict[str, float]]) -> Table:
    """Return memory by process, a column a look; the change is between the last two."""
    shown = Table("process", title="PSS, MiB")
    for heading in (*looks, "change"):
        shown.add_column(heading, justify="right")
    idle, *_, warm, end = looks.values()
    for name in sorted(idle | end, key=lambda name: -idle.get(name, 0)):
        cells = (f"{look.get(name, 0.0):.1f}" for look in looks.values())
        shown.add_row(name, *cells, f"{end.get(name, 0.0) - warm.get(name, 0.0):+.1f}")
    totals = [sum(look.values()) for look in looks.values()]
    shown.add_section()
    shown.add_row("all", *(f"{total:.1f}" for total in totals), f"{totals[-1] - totals[-2]:+.1f}")
    return shown


def await_spare(stack: Stack) -> None:
    """Return when the endpoint has started its spare engine too: nothing has changed for some seconds then."""
    count, since = 0, time.monotonic()
    while time.monotonic() < since + SETTLED:
        time.sleep(0.5)
        if (now := len(list(stack.processes()))) != count:
            count, since = now, time.monotonic()


def measure(stack: Stack, warm_up: int, runs: int) -> None:
    """Print all figures of a started stack."""
    await_spare(stack)
    looks = {"idle": memory(stack)}
    with stack.client() as client:
        times(client)
        for label, count in ((f"warmed up by {warm_up} runs", warm_up), (f"{runs} runs later", runs)):
            for number in range(count):
                one_run(client, 30 + number % 60)
            looks[label] = memory(stack)
    console.print(table(looks))


def main() -> None:
    """Measure and print."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--warm-up", type=int, default=1000, help="runs before the first of the two looks")
    asked.add_argument("--runs", type=int, default=500, help="runs between the two looks at memory")
    options = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="openbeam-footprint-") as home:
        stack = Stack(Path(home))
        try:
            console.print(f"launch/up to first histogram: [bold]{stack.start():.1f} s[/bold]")
            time.sleep(10)
            measure(stack, options.warm_up, options.runs)
        finally:
            left = stack.stop()
    if left:
        raise SystemExit(f"left running: {left}")


if __name__ == "__main__":
    main()
