"""What the tests of faults share: an analysis that takes its time, and whoever waits for it, through every door."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import awkward as ak
import numpy as np
import uproot
from openbeam import Client, Executor, Run
from openbeam.models import FunctionKind, FunctionSpec
from openbeam.states import RunState

__all__ = ["DATASET", "Truth", "Watcher", "calls_going_on", "publish", "started_run", "truth_of"]

DATASET = "faults-100k"
SLOW = """\
import time

import awkward as ak
from hist import Hist


def analyze(events, params):
    time.sleep(params.seconds)
    muons = Hist.new.IntCategory(range(100), name="muons", label="Muons in the event").Int64()
    muons.fill(muons=ak.to_numpy(ak.num(events.Muon)))
    return {"muons": muons}
"""
SCHEMA = {"type": "object", "properties": {"seconds": {"type": "number", "default": 0.5}}}
CALLS = 8


def slowly(seconds: float, value: int) -> int:
    import time

    time.sleep(seconds)
    return value


def same(value: int) -> int:
    return value


@dataclass(frozen=True)
class Truth:
    """What a file holds, by somebody who has never heard of chunks."""

    events: int
    muons: np.ndarray

    def check(self, run: Run) -> None:
        """Fail unless a run has counted every event once."""
        assert run.state is RunState.complete, (run.account.sentence(), run.errors)
        assert run.account.events_processed == run.account.events_expected == self.events
        found = run.histograms["muons"]
        counted = np.zeros(100, int)
        for index in range(found.axes[0].size):
            counted[found.axes[0].value(index)] = found.values()[index]
        np.testing.assert_array_equal(counted, self.muons)


def truth_of(path: Path) -> Truth:
    """Count a file's muons."""
    with uproot.open(path) as file:
        numbers = ak.to_numpy(file["Events/nMuon"].array())
    return Truth(len(numbers), np.bincount(numbers, minlength=100))


def publish(client: Client, path: Path) -> str:
    """Publish the slow analysis and a dataset of several chunks for it; return the analysis's id."""
    client.add_local_file(path, DATASET)
    about = {"name": "slow_muons", "kind": FunctionKind.analysis, "source": SLOW, "entrypoint": "analyze"}
    return client.publish_function(FunctionSpec(**about, parameters=SCHEMA)).id


def started_run(client: Client, function: str, endpoint: str = "local", seconds: float = 0.5) -> Run:
    """Return a run whose first chunk is done and whose last is not; each takes some seconds."""
    run = client.submit_run(function, DATASET, fresh=True, endpoint=endpoint, seconds=seconds)
    deadline = time.monotonic() + 60
    while run.account.chunks_done == 0:
        assert not run.is_final, run.record
        assert time.monotonic() < deadline, run.record
        time.sleep(0.05)
        run.refresh()
    assert run.account.chunks_done < run.account.chunks
    return run


@dataclass
class Watcher:
    """Somebody who watches a run while it happens, as a browser does."""

    run: Run
    seen: list[tuple[float, int, int]] = field(default_factory=list)
    """When, chunks done, and the events in the histogram."""
    error: BaseException | None = None

    def __post_init__(self) -> None:
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        try:
            for update in self.run.events():
                self.seen.append((time.monotonic(), update.run.account.chunks_done, _events(update.histograms)))
        except BaseException as error:  # noqa: BLE001  the test looks at it
            self.error = error

    def join(self, seconds: float) -> None:
        """Return once the watcher has seen the end."""
        self._thread.join(seconds)
        assert self.error is None, self.error
        assert not self._thread.is_alive(), self.seen[-3:]
        assert self.run.is_final

    def seconds_until_news(self, moment: float) -> float:
        """Return how long after a moment more chunks were done than at it."""
        before = max((done for when, done, _ in self.seen if when <= moment), default=0)
        return next((when - moment for when, done, _ in self.seen if done > before), float("inf"))


def _events(histograms: dict[str, dict[str, object]]) -> int:
    from openbeam.histograms import from_uhi

    return int(sum(from_uhi(found).values().sum() for found in histograms.values()))


@contextmanager
def calls_going_on(client: Client, endpoint: str, seconds: float) -> Iterator[Callable[[], None]]:
    """Have calls of an ``Executor`` under way, and give what submits some more."""
    with Executor(endpoint, client) as pool:
        futures = [pool.submit(slowly, 0.2, number) for number in range(CALLS)]

        def more() -> None:
            # The first of them is of another function, which must be published first.
            futures.append(pool.submit(same, len(futures)))
            futures.extend(pool.submit(slowly, 0.05, number) for number in range(len(futures), len(futures) + CALLS))

        yield more
        assert [future.result(seconds) for future in futures] == list(range(len(futures)))
