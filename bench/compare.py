"""Measure Openbeam beside its peers, in one run: rounds take turns, and ratios are of the same round.

``make bench`` runs this. Every contestant is a process of its own with two workers on this machine; a call doubles a
number. It prints a table, and writes every measured number into ``bench/last.json``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from openbeam.home import Home
from openbeam_service import queue_server

HERE = Path(__file__).parent
PEERS = HERE / ".venv" / "bin" / "python"
CONTESTANTS = {
    "Parsl HTEX": ("htex", sys.executable, ("many",)),
    "RQ SimpleWorker": ("rq_simple", sys.executable, ("many",)),
    "Celery prefork": ("celery_prefork", PEERS, ("many",)),
    "dask LocalCluster": ("dask_local", PEERS, ("many",)),
    "REST, RQ and HTEX, bare": ("bare_route", sys.executable, ("many",)),
    "Openbeam": ("openbeam_sdk", sys.executable, ("many", "chunked")),
}
BASE = "Parsl HTEX"
_VERSIONS = "import celery, distributed as d; print(f'Celery {celery.__version__}, distributed {d.__version__}')"


class Contestant:
    """A running contestant."""

    def __init__(self, script: str, python: str | Path, env: dict[str, str]) -> None:
        command = [python, HERE / "contestants" / f"{script}.py"]
        self.process = subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def wait_until_ready(self) -> None:
        """Return once it has warmed up."""
        while (line := self._line()) != "ready":
            print(line, file=sys.stderr)

    def ask(self, word: str, number: int) -> Any:
        """Return the seconds that it took."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{word} {number}\n")
        self.process.stdin.flush()
        return json.loads(self._line())

    def close(self) -> None:
        """Hang up, and wait for its end."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(60)

    def _line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.process.args} ended")
        return line.strip()


@contextmanager
def started(folder: Path) -> Iterator[dict[str, Contestant]]:
    """Start the queue's server and all contestants."""
    home = Home(folder)
    with ExitStack() as stack:
        server = subprocess.Popen(queue_server.command(home), stdout=subprocess.DEVNULL)
        stack.callback(server.wait)
        stack.callback(server.terminate)
        env = {**os.environ, "BENCH_VALKEY": f"unix://{home.socket('valkey')}", "BENCH_URL": _url()}
        found = {}
        for name, (script, python, _) in CONTESTANTS.items():
            print(f"starting {name}", file=sys.stderr)
            found[name] = Contestant(script, python, env)
            stack.callback(found[name].close)
            found[name].wait_until_ready()
        yield found


def _url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def measure(contestants: dict[str, Contestant], rounds: int, ones: int, many: int) -> dict[str, dict[str, list[float]]]:
    """Return by contestant: median milliseconds of a round trip, and calls a second, for each round."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in contestants}
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for name, contestant in contestants.items():
            trips = contestant.ask("one", ones)
            found[name].setdefault("one", []).append(1000 * statistics.median(trips))
            for way in CONTESTANTS[name][2]:
                found[name].setdefault(way, []).append(many / contestant.ask(way, many))
    return found


def table(found: dict[str, dict[str, list[float]]]) -> str:
    """Return the medians, and the medians of each round's ratio to bare HTEX."""
    base = found[BASE]
    lines = ["| | round trip p50, ms | × HTEX | calls/s | of HTEX |", "|---|--:|--:|--:|--:|"]
    for name, numbers in found.items():
        slower = _ratio(numbers["one"], base["one"])
        for way in CONTESTANTS[name][2]:
            trip = f"{statistics.median(numbers['one']):.1f} | {slower:.1f}" if way == "many" else "– | –"
            label = name if way == "many" else f"{name}, 32 calls a task"
            rate, share = statistics.median(numbers[way]), _ratio(numbers[way], base["many"])
            lines.append(f"| {label} | {trip} | {rate:,.0f} | {share:.2f} |")
    return "\n".join(lines)


def _ratio(numbers: list[float], base: list[float]) -> float:
    return statistics.median(number / one for number, one in zip(numbers, base, strict=True))


def where() -> str:
    """Return the machine, the versions and the date in one line."""
    peers = subprocess.run([PEERS, "-c", _VERSIONS], capture_output=True, text=True, check=True).stdout.strip()
    load = os.getloadavg()[0]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"load {load:.0f} at the end, "
        f"Python {platform.python_version()}, Parsl {version('parsl')}, RQ {version('rq')}, {peers}"
    )


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--ones", type=int, default=20, help="single calls a round")
    options.add_argument("--many", type=int, default=500, help="calls at once a round")
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, started(Path(folder)) as contestants:
        found = measure(contestants, chosen.rounds, chosen.ones, chosen.many)
    line = where()
    (HERE / "last.json").write_text(json.dumps({"where": line, "found": found}, indent=1))
    print(f"{line}\n\n{table(found)}")


if __name__ == "__main__":
    main()
