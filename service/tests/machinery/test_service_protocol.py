"""The lease protocol as a state machine: whatever happens, in whatever order, each chunk counts once and runs end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from openbeam.models import LeasedTask, Run, TaskOutcome
from openbeam.states import FINAL_RUN_STATES, FINAL_TASK_STATES, RunState, TaskState
from openbeam_service.runs import gather
from openbeam_service.tasks import lost, queue
from service_kit import body, chunk_result, total
from service_protocol import EVENTS, Site

EXAMPLES = {"sqlite": 200, "postgresql": 30}
"""The protocol is the same on both; the locks that it needs are not."""
MOST_RUNS = 3
ROUNDS = 30
"""How often agents come back at the end until all runs must have ended."""

endpoints = st.sampled_from([0, 0, 0, 1])
which = st.integers(0, 30)
"""Which of several there are, counted round and round."""
PROBLEMS: dict[str, dict[str, Any] | None] = {
    "result": None,
    "passing": {"kind": "EngineFault", "message": "It broke.", "retry": True},
    "killed": {"kind": "WorkerKilled", "message": "It died.", "retry": True},
    "raised": {"kind": "FunctionRaised", "message": "No.", "retry": False},
}
AFTER = {
    "result": {TaskState.success},
    "passing": {TaskState.queued, TaskState.failed},
    "killed": {TaskState.queued, TaskState.failed},
    "raised": {TaskState.failed},
}
"""How a task may stand after an outcome that counts."""

TROUBLE: dict[str, Callable[[Site], object]] = {
    "sweep": Site.sweep,
    "sweep, and crash": lambda site: site.backend.queue.sweep(),
    "remember": lambda site: site.backend.remember_forgotten(),
    "gather": Site.gather,
    "restart the service": Site.restart,
    "flush the queue": Site.flush,
}


def outcome(task: LeasedTask, kind: str) -> TaskOutcome:
    """Return what an agent says of a task: a result that has its events, or a problem."""
    events = task.files[0].size
    problem = PROBLEMS[kind]
    said: dict[str, Any] = {"body": body(chunk_result(events))} if problem is None else {"problem": problem}
    return TaskOutcome.model_validate({"task_id": task.task_id, "lease_id": task.lease_id, **said})


class Protocol(RuleBasedStateMachine):
    """Two endpoints, up to three runs of one analysis over three chunks, and everything that may go wrong."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self.site = site
        self.site.reset()
        self.runs: list[str] = []
        self.transit: list[tuple[str, list[str]]] = []
        self.leases: list[tuple[str, LeasedTask]] = []
        """All that were ever given out: an agent may come back with any of them, at any time."""
        self.counted: Counter[str] = Counter()
        """How often the service said of a task that its result counts."""

    # ------------------------------------------------------------------------------------------ people
    @initialize(endpoint=endpoints, want=st.integers(1, 4))
    def begin(self, endpoint: int, want: int) -> None:
        self.submit(endpoint, fresh=False, is_queue_away=False)
        self.lease(endpoint, want)

    @precondition(lambda self: len(self.runs) < MOST_RUNS)
    @rule(endpoint=endpoints, fresh=st.booleans(), is_queue_away=st.booleans())
    def submit(self, endpoint: int, fresh: bool, is_queue_away: bool) -> None:
        with self.site.away(*(["enqueue"] if is_queue_away else [])):
            self.runs.append(self.site.submit(self._endpoint(endpoint), fresh=fresh))

    @precondition(lambda self: len(self.runs) > 1)
    @rule(run=which, is_queue_away=st.booleans())
    def cancel(self, run: int, is_queue_away: bool) -> None:
        with self.site.away(*(["remove", "finish"] if is_queue_away else [])):
            self.site.cancel(self.runs[run % len(self.runs)])

    @precondition(lambda self: 0 < len(self.runs) < MOST_RUNS)
    @rule(run=which)
    def resubmit(self, run: int) -> None:
        """Go on with a run; what has ended stays as it is, and the new one ends with an exact account as well."""
        self.site.gather()
        old = self.runs[run % len(self.runs)]
        (before,) = [one for one in self.site.runs() if one.id == old]
        again = self.site.resubmit(old)
        assert bool(again) == (before.state in FINAL_RUN_STATES - {RunState.complete})
        (after,) = [one for one in self.site.runs() if one.id == old]
        assert not again or after == before
        self.runs += again

    # ------------------------------------------------------------------------------------------ agents
    @rule(endpoint=endpoints, want=st.integers(1, 4))
    def take(self, endpoint: int, want: int) -> None:
        taken = self.site.take(self._endpoint(endpoint), want)
        if taken:
            self.transit.append((self._endpoint(endpoint), taken))

    @rule(endpoint=endpoints, want=st.integers(1, 4))
    def lease(self, endpoint: int, want: int) -> None:
        taken = self.site.take(self._endpoint(endpoint), want)
        self.leases += [(self._endpoint(endpoint), task) for task in self.site.lend(self._endpoint(endpoint), taken)]

    @precondition(lambda self: self.transit)
    @rule(index=which)
    def start(self, index: int) -> None:
        endpoint, taken = self.transit.pop(index % len(self.transit))
        self.leases += [(endpoint, task) for task in self.site.lend(endpoint, taken)]

    @precondition(lambda self: self.transit)
    @rule(index=which, is_started=st.booleans())
    def die_on_the_way(self, index: int, is_started: bool) -> None:
        endpoint, taken = self.transit.pop(index % len(self.transit))
        if is_started:
            self.site.backend.queue.start(endpoint, taken)

    @precondition(lambda self: self.leases)
    @rule(index=which)
    def finish(self, index: int) -> None:
        endpoint, task = self.leases[index % len(self.leases)]
        self._settle(endpoint, [(task, "result")])

    @precondition(lambda self: self.leases)
    @rule(
        said=st.lists(st.tuples(which, st.sampled_from(list(PROBLEMS))), min_size=1, max_size=4),
        away=st.sampled_from([(), (), ("finish",), ("retry",)]),
    )
    def hand_in(self, said: list[tuple[int, str]], away: tuple[str, ...]) -> None:
        """Hand in outcomes of one endpoint's leases, new or old, some of them twice."""
        endpoint = self.leases[said[0][0] % len(self.leases)][0]
        mine = [task for where, task in self.leases if where == endpoint]
        outcomes = {(mine[index % len(mine)].lease_id): (mine[index % len(mine)], kind) for index, kind in said}
        with self.site.away(*away):
            self._settle(endpoint, list(outcomes.values()))

    @precondition(lambda self: self.leases)
    @rule(index=which)
    def renew(self, index: int) -> None:
        endpoint, task = self.leases[index % len(self.leases)]
        self.site.renew(endpoint, [task])

    # ------------------------------------------------------------------------------------------ trouble
    @precondition(lambda self: self.leases)
    @rule(index=which, then=st.sampled_from(["sweep", "sweep", "sweep, and crash", "gather"]))
    def lapse(self, index: int, then: str) -> None:
        endpoint, task = self.leases[index % len(self.leases)]
        self.site.lapse(endpoint, task.lease_id)
        TROUBLE[then](self.site)

    @rule(what=st.sampled_from(list(TROUBLE)))
    def trouble(self, what: str) -> None:
        TROUBLE[what](self.site)

    # ------------------------------------------------------------------------------------------ what must hold
    @invariant()
    def each_chunk_counts_once(self) -> None:
        tasks = self.site.tasks()
        own = [task.result_id for task in tasks if task.state is TaskState.success and not task.cached]
        assert sorted(own) == self.site.results()
        assert max(self.counted.values(), default=0) <= 1
        assert all((task.result_id is not None) == (task.state is TaskState.success) for task in tasks)

    def teardown(self) -> None:
        """Let agents come back, and all that is left to do be done."""
        for _ in range(ROUNDS):
            if self._round():
                break
        self.each_chunk_counts_once()
        for run in self.site.runs():
            _check_end(run, json.loads(self.site.histograms(run.id)))
        assert {task.state for task in self.site.tasks()} <= FINAL_TASK_STATES
        assert self.site.left() == []

    def _round(self) -> bool:
        for endpoint in self.site.endpoints:
            self.site.lapse(endpoint)
        self.site.sweep()
        self.site.backend.remember_forgotten()
        idle = True
        for endpoint in self.site.endpoints:
            tasks = self.site.lend(endpoint, self.site.take(endpoint, 50))
            idle &= not tasks
            if tasks:
                self._settle(endpoint, [(task, "result") for task in tasks])
        self.site.backend.gatherer.touch(self.site.backend.open_runs())
        self.site.gather()
        return idle and not self.site.backend.open_runs()

    # ------------------------------------------------------------------------------------------ helpers
    def _endpoint(self, index: int) -> str:
        return self.site.endpoints[index]

    def _settle(self, endpoint: str, said: list[tuple[LeasedTask, str]]) -> None:
        """Hand in, and see that what is said to count is what was said under each task's last lease."""
        last = {task.id: task.lease_id for task in self.site.tasks()}
        reply = self.site.settle(endpoint, [outcome(task, kind) for task, kind in said])
        assert len(reply.accepted) + len(reply.fenced) == len(said)
        now = {task.id: task.state for task in self.site.tasks()}
        counted = [(task.task_id, kind) for task, kind in said if last[task.task_id] == task.lease_id]
        assert set(reply.accepted) <= {task_id for task_id, _ in counted}
        for task_id, kind in counted:
            if task_id in reply.accepted:
                assert now[task_id] in AFTER[kind]
                self.counted[task_id] += kind == "result"


def _check_end(run: Run, histograms: dict[str, Any]) -> None:
    account = run.account
    assert run.state in FINAL_RUN_STATES
    assert (account.chunks, account.events_expected) == (len(EVENTS), sum(EVENTS))
    parts = account.events_processed + account.events_failed + account.events_cancelled
    assert (parts, account.events_waiting) == (sum(EVENTS), 0)
    assert (total(histograms) if histograms else 0) == account.events_processed
    assert sum(account.endpoints.values()) == account.chunks_done
    assert (run.state is RunState.complete) == (account.events_processed == sum(EVENTS))


@pytest.fixture
def site(valkey: str, new_database: Callable[[Path], str], tmp_path: Path) -> Iterator[Site]:
    """Return a site on every database."""
    made = Site(valkey, new_database(tmp_path))
    yield made
    made.close()


@pytest.mark.timeout(600)
def test_each_chunk_counts_once_and_every_run_ends(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lost, "GRACE", lost.GRACE * 0)
    monkeypatch.setattr(queue, "IN_TRANSIT_SECONDS", 0.0)
    monkeypatch.setattr(gather, "PAUSE_SECONDS", 0.0)
    monkeypatch.setattr(gather, "SHARE", 1)
    run_state_machine_as_test(
        lambda: Protocol(site),
        settings=settings(
            max_examples=EXAMPLES[site.kind],
            # To explain a failure takes longer than to find and to shrink it.
            phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
