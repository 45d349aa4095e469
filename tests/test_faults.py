"""Killed in mid-run: the run completes, every event counts once, and nobody who waits hears of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from openbeam import Client
from support.faults import Truth, Watcher, calls_going_on, publish, started_run, truth_of
from support.stack import Stack, command

pytestmark = pytest.mark.opendata


@dataclass(frozen=True)
class Victim:
    """A process of the started stack: one of the programs, or one of those of the engine at work."""

    words: str
    """Of its command line."""
    place: int | None = None
    """0 is the engine, then come those in it that have the words, by age; None: a program that is started again."""
    retries: int = 1
    """At least so many tasks were lost with it."""

    def find(self, stack: Stack) -> psutil.Process:
        """Return the process."""
        if self.place is None:
            return stack.program(self.words)
        below = _oldest_first(stack.program("openbeam-endpoint start"), "engine.main")
        # A spare engine is younger than the one at work.
        engine = next(one for one in below if "bwrap" not in command(one))
        return [engine, *_oldest_first(engine, self.words)][self.place]


def _oldest_first(above: psutil.Process, words: str) -> list[psutil.Process]:
    found = [one for one in above.children(recursive=True) if words in command(one)]
    return sorted(found, key=psutil.Process.create_time)


VICTIMS = {
    "worker": Victim("multiprocessing.forkserver", -1),
    "manager": Victim("engine.program process_worker_pool", 1),
    "interchange": Victim("HTEX interchange", 1),
    "engine": Victim("engine.main", 0),
    "zygote": Victim("engine.main", 1),
    "agent": Victim("openbeam-endpoint start"),
    "service": Victim("openbeam-service serve", retries=0),
    "queue": Victim("valkey-server", retries=0),
}


@pytest.fixture(scope="module")
def slow(stack: Stack, doublemu: Path) -> str:
    """The slow analysis."""
    with stack.client() as client:
        return publish(client, doublemu)


@pytest.fixture(scope="module")
def truth(doublemu: Path) -> Truth:
    """What is in the file."""
    return truth_of(doublemu)


@pytest.mark.parametrize("name", VICTIMS)
def test_a_killed_process_costs_time_and_nothing_else(
    stack: Stack, operator: Client, slow: str, truth: Truth, name: str
) -> None:
    victim = VICTIMS[name]
    with stack.client() as other, stack.client() as third:
        run = started_run(operator, slow, seconds=1.5)
        with calls_going_on(third, "local", 120) as more:
            watcher = Watcher(other.get_run(run.id))
            stack.look()
            victim.find(stack).kill()
            killed = time.monotonic()
            more()
            run.wait(120)
            done = time.monotonic() - killed
            watcher.join(30)
    calls = time.monotonic() - killed
    print(
        f"{name} killed: next chunk after {watcher.seconds_until_news(killed):.1f} s, complete after {done:.1f} s, "
        f"calls after {calls:.1f} s; {run.account.retries} retries of {run.account.chunks} chunks"
    )
    truth.check(run)
    assert run.account.retries >= victim.retries
    assert watcher.seen[-1][2] == truth.events
    stack.look()
