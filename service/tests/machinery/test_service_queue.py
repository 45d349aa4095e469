"""The queue against a real Valkey: leases, fences, what is lost comes back; and what of RQ this stands on."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule, run_state_machine_as_test
from openbeam_service.tasks import queue as module
from openbeam_service.tasks.queue import MAX_LOST_LEASES, Lease, SafeJob, TaskQueue
from rq import Queue
from rq.executions import Execution, ExecutionRegistry
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry, StartedJobRegistry
from rq.serializers import JSONSerializer

TRAP: list[str] = []


def spring_the_trap(*_: Any) -> None:
    TRAP.append("called")


@pytest.fixture
def queue(valkey: str) -> Iterator[TaskQueue]:
    made = TaskQueue(valkey, lease_seconds=0.5)
    made.connection.flushall()
    yield made
    made.connection.close()


def _ids(number: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(number)]


def _lease(queue: TaskQueue, endpoint: str, want: int = 10, wait: float = 0) -> list[Lease]:
    async def take() -> list[str]:
        try:
            return await queue.lease(endpoint, want, wait)
        finally:
            await queue.blocking.connection_pool.disconnect()

    return queue.start(endpoint, asyncio.run(take()))


def _lapse(queue: TaskQueue, endpoint: str, lease: Lease) -> None:
    """Let a lease's time be over."""
    entry = f"{lease.task_id}:{lease.lease_id}"
    queue.connection.zadd(f"rq:wip:{endpoint}", {entry: 1}, xx=True)


def test_tasks_come_out_in_the_order_in_which_they_went_in(queue: TaskQueue) -> None:
    ids = _ids(5)
    queue.enqueue("e", ids[:4])
    queue.enqueue("e", ids[4:], front=True)
    queue.enqueue("other", _ids(1))
    assert queue.count("e") == 5
    assert [lease.task_id for lease in _lease(queue, "e", 3)] == [ids[4], ids[0], ids[1]]
    assert [lease.task_id for lease in _lease(queue, "e")] == ids[2:4]
    assert queue.known("e") == set(ids)


def test_waiting_for_work_ends_when_work_comes(queue: TaskQueue) -> None:
    (task_id,) = _ids(1)

    async def wait() -> tuple[list[str], float]:
        waiting = asyncio.create_task(queue.lease("e", 4, 5))
        await asyncio.sleep(0.2)
        started = time.monotonic()
        await asyncio.to_thread(queue.enqueue, "e", [task_id])
        taken = await waiting
        await queue.close()
        return taken, time.monotonic() - started

    taken, seconds = asyncio.run(wait())
    assert taken == [task_id]
    assert seconds < 0.5


def test_a_blocking_read_has_no_time_limit_of_its_own(queue: TaskQueue) -> None:
    assert queue.blocking.get_connection_kwargs()["socket_timeout"] is None


def test_a_lease_lapses_by_itself_and_the_task_is_back_soon(queue: TaskQueue) -> None:
    (task_id,) = _ids(1)
    queue.enqueue("e", [task_id])
    (lease,) = _lease(queue, "e")
    started = time.monotonic()
    while not (lost := queue.sweep()):
        time.sleep(0.1)
    assert 0.5 <= time.monotonic() - started < 3
    assert [(one.task_id, one.lease_id, one.given_up) for one in lost] == [(task_id, lease.lease_id, False)]
    assert queue.alive("e", [lease]) == queue.renew("e", [lease]) == set()
    (again,) = _lease(queue, "e")
    assert (again.task_id, queue.alive("e", [lease, again])) == (task_id, {again})


def test_a_lease_ends_in_time_though_the_clock_was_set_back_by_a_day(queue: TaskQueue) -> None:
    (task_id,) = _ids(1)
    queue.enqueue("e", [task_id])
    (lease,) = _lease(queue, "e")
    queue.connection.zincrby("rq:wip:e", 86_400, f"{task_id}:{lease.lease_id}")
    assert queue.sweep() == []
    (until,) = [score for _, score in queue.connection.zrange("rq:wip:e", 0, -1, withscores=True)]
    assert until <= time.time() + 2
    assert queue.known("e") == {task_id}


def test_a_task_dropped_on_the_way_comes_back(queue: TaskQueue, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = _ids(2)
    queue.enqueue("e", ids)

    async def take_and_die() -> None:
        waiting = asyncio.create_task(queue.lease("e", 1, 5))
        await waiting
        await queue.close()

    asyncio.run(take_and_die())
    assert (queue.count("e"), queue.known("e")) == (1, set(ids))
    monkeypatch.setattr(module, "IN_TRANSIT_SECONDS", 0.3)
    assert queue.sweep() == []
    assert queue.count("e") == 1
    time.sleep(0.35)
    queue.sweep()
    assert [lease.task_id for lease in _lease(queue, "e")] == ids


def test_a_task_is_given_up_after_its_last_lease(queue: TaskQueue) -> None:
    (task_id,) = _ids(1)
    queue.enqueue("e", [task_id])
    given_up = []
    for _ in range(MAX_LOST_LEASES + 1):
        (lease,) = _lease(queue, "e")
        _lapse(queue, "e", lease)
        given_up += [one.given_up for one in queue.sweep()]
    assert given_up == [False] * MAX_LOST_LEASES + [True]
    assert queue.known("e") == set()
    assert queue.connection.keys("rq:job:*") == []


def test_retries_run_out_too(queue: TaskQueue) -> None:
    (task_id,) = _ids(1)
    queue.enqueue("e", [task_id])
    answers = [queue.retry("e", _lease(queue, "e")) for _ in range(MAX_LOST_LEASES + 1)]
    assert answers == [{task_id}] * MAX_LOST_LEASES + [set()]
    assert queue.known("e") == set()


def test_nothing_is_left_of_what_has_ended(queue: TaskQueue) -> None:
    queue.enqueue("e", _ids(20))
    queue.finish("e", _lease(queue, "e", 20))
    left = {key.decode() for key in queue.connection.keys("*")} - {"rq:queues"}
    # These say what was used and how fast it went, and go by themselves.
    assert {key.rpartition(":")[0] for key in left} == {"openbeam:used", "openbeam:pace:e"}
    assert all(0 < queue.connection.ttl(key) <= 3600 for key in left)


def test_one_copy_of_the_service_sweeps_at_a_time(queue: TaskQueue) -> None:
    (task_id,) = _ids(1)
    queue.enqueue("e", [task_id])
    (lease,) = _lease(queue, "e")
    _lapse(queue, "e", lease)
    queue.connection.set("openbeam:sweeping", 1, px=60_000)
    assert queue.sweep() == []
    queue.connection.delete("openbeam:sweeping")
    assert len(queue.sweep()) == 1


def test_nothing_that_a_job_names_is_followed(queue: TaskQueue) -> None:
    """A hostile writer puts functions, callbacks and web addresses into a job's hash."""
    TRAP.clear()
    (task_id,) = _ids(1)
    queue.enqueue("e", [task_id])
    here = f"{__name__}.spring_the_trap"
    hostile = {
        "data": JSONSerializer.dumps(("os.system", None, ["touch /nowhere"], {})),
        "success_callback_name": here,
        "failure_callback_name": here,
        "stopped_callback_name": here,
        "webhooks": '[{"url": "http://127.0.0.1:9/", "job_status": "failed"}]',
        "meta": b"\x80\x04not json",
        "result": b"\x80\x04not json",
        "dependency_ids": '["x"]',
        "rate_limit_key": "x",
        "rate_limit_concurrency": "1",
        "group_id": "g",
        "repeats_left": "3",
    }
    queue.connection.hset(f"rq:job:{task_id}", mapping=hostile)
    for _ in range(MAX_LOST_LEASES + 1):
        (lease,) = _lease(queue, "e")
        assert lease.task_id == task_id
        job = SafeJob.fetch(task_id, queue.connection, JSONSerializer)
        assert job.func_name == "openbeam.task"
        assert (job.webhooks, job.meta, job.group_id, job.has_rate_limit) == ([], {}, None, False)
        assert job.success_callback is job.failure_callback is job.stopped_callback is None
        _lapse(queue, "e", lease)
        queue.sweep()
    assert TRAP == []


def test_what_is_no_task_is_dropped(queue: TaskQueue) -> None:
    ids = _ids(2)
    queue.enqueue("e", ids)
    queue.connection.rpush("rq:queue:e", "../../etc", "unknown", str(uuid.uuid4()))
    queue.connection.hset(f"rq:job:{ids[1]}", "origin", "other")
    assert [lease.task_id for lease in _lease(queue, "e")] == ids[:1]
    assert queue.known("e") == {ids[0]}


# ------------------------------------------------------------------------------------------------ whatever the order
class LeasesMachine(RuleBasedStateMachine):
    """Agents that come and go, are slow, come back, and hand in twice, and people who cancel: nothing counts twice.

    Every task that was submitted is counted, given up, cancelled, or known to the queue, and just one of these.
    """

    url = ""
    leases: Bundle[Lease] = Bundle("leases")

    def __init__(self) -> None:
        super().__init__()
        self.queue = TaskQueue(self.url, lease_seconds=60)
        self.queue.connection.flushall()
        self.runner = asyncio.Runner()
        self.submitted: set[str] = set()
        self.counted: Counter[str] = Counter()
        self.given_up: set[str] = set()
        self.cancelled: set[str] = set()

    def teardown(self) -> None:
        try:
            for _ in range(MAX_LOST_LEASES + 2):
                for entry in self.queue.connection.zrange("rq:wip:e", 0, -1):
                    self.queue.connection.zadd("rq:wip:e", {entry: 1})
                self.sweep()
                while found := self._start(50):
                    for lease in found:
                        self.count(lease)
            assert set(self.counted) | self.given_up | self.cancelled == self.submitted
            assert not self.queue.known("e")
            self.runner.run(self.queue.close())
        finally:
            self.runner.close()

    def _start(self, want: int) -> list[Lease]:
        return self.queue.start("e", self.runner.run(self.queue.lease("e", want, 0)))

    @rule(number=st.integers(1, 3), front=st.booleans(), who=st.sampled_from("ab"))
    def submit(self, number: int, front: bool, who: str) -> None:
        ids = _ids(number)
        self.submitted |= set(ids)
        self.queue.enqueue("e", ids, who=who, front=front)

    @rule(target=leases, want=st.integers(1, 3))
    def lease(self, want: int) -> Any:
        return multiple(*self._start(want))

    @rule(want=st.integers(1, 3))
    def take_and_die(self, want: int) -> None:
        self.runner.run(self.queue.lease("e", want, 0))

    @rule(lease=leases)
    def count(self, lease: Lease) -> None:
        if self.queue.alive("e", [lease]):
            self.queue.finish("e", [lease])
            self.counted[lease.task_id] += 1

    @rule(lease=leases)
    def try_again(self, lease: Lease) -> None:
        if self.queue.alive("e", [lease]) and not self.queue.retry("e", [lease]):
            self.given_up.add(lease.task_id)

    @rule(which=st.integers(0, 20))
    def cancel(self, which: int) -> None:
        """Stop a task wherever it is: waiting, in transit, leased, or under a lease that has lapsed."""
        there = sorted(self.queue.known("e"))
        if not there:
            return
        task_id = there[which % len(there)]
        entries = [entry.decode().split(":") for entry in self.queue.connection.zrange("rq:wip:e", 0, -1)]
        held = [Lease(*entry) for entry in entries if entry[0] == task_id]
        self.queue.finish("e", held)
        self.queue.remove("e", [] if held else [task_id])
        self.cancelled.add(task_id)

    @rule(lease=leases)
    def renew(self, lease: Lease) -> None:
        assert self.queue.renew("e", [lease]) == self.queue.alive("e", [lease])

    @rule(lease=leases)
    def lapse(self, lease: Lease) -> None:
        _lapse(self.queue, "e", lease)

    @rule()
    def sweep(self) -> None:
        self.given_up |= {one.task_id for one in self.queue.sweep() if one.given_up}

    @invariant()
    def nothing_counts_twice_and_nothing_is_lost(self) -> None:
        assert all(count == 1 for count in self.counted.values())
        ends = [set(self.counted), self.given_up, self.cancelled]
        assert sum(map(len, ends)) == len(set().union(*ends))
        assert self.submitted.difference(*ends) == self.queue.known("e")


def test_every_task_counts_once_whatever_the_order(valkey: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "IN_TRANSIT_SECONDS", 0.0)
    LeasesMachine.url = valkey
    run_state_machine_as_test(
        LeasesMachine,
        settings=settings(
            max_examples=25, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


# ------------------------------------------------------------------------------------------------ what of RQ is used
def test_contract_an_execution_is_a_key_that_lapses(queue: TaskQueue) -> None:
    (task_id,) = _ids(1)
    queue.enqueue("e", [task_id])
    job = SafeJob.fetch(task_id, queue.connection, JSONSerializer)
    with queue.connection.pipeline() as pipe:
        execution = Execution.create(job, 7, pipeline=pipe)
        job.prepare_for_execution("agent", pipeline=pipe)
        assert queue.connection.keys("rq:execution:*") == []
        pipe.execute()
    assert execution.key == f"rq:execution:{task_id}:{execution.id}"
    assert 0 < queue.connection.ttl(execution.key) <= 7
    assert queue.connection.zscore("rq:wip:e", execution.composite_key) >= time.time() + 5
    assert SafeJob.fetch(task_id, queue.connection, JSONSerializer).get_status() == JobStatus.STARTED
    with queue.connection.pipeline() as pipe:
        execution.heartbeat(StartedJobRegistry("e", queue.connection), 50, pipe)
        pipe.execute()
    assert queue.connection.ttl(execution.key) > 40
    with queue.connection.pipeline() as pipe:
        execution.delete(job=job, pipeline=pipe)
        pipe.execute()
    assert not queue.connection.exists(execution.key)
    assert queue.connection.zscore("rq:wip:e", execution.composite_key) is None
    assert job.execution_registry.key == ExecutionRegistry(task_id, queue.connection).key


def test_contract_retry_counts_down_and_enqueues_in_front(queue: TaskQueue) -> None:
    ids = _ids(2)
    queue.enqueue("e", ids)
    (lease,) = _lease(queue, "e", 1)
    job = SafeJob.fetch(lease.task_id, queue.connection, JSONSerializer)
    assert (job.should_retry, job.retries_left, job.get_retry_interval()) == (True, MAX_LOST_LEASES, 0)
    with queue.connection.pipeline() as pipe:
        job.retry(Queue("e", connection=queue.connection, serializer=JSONSerializer), pipe)
        pipe.execute()
    assert [entry.decode() for entry in queue.connection.lrange("rq:queue:e", 0, -1)] == ids
    assert SafeJob.fetch(ids[0], queue.connection, JSONSerializer).retries_left == MAX_LOST_LEASES - 1


def test_contract_names_that_rq_gives_to_keys(queue: TaskQueue) -> None:
    made = Queue("e", connection=queue.connection, job_class=SafeJob, serializer=JSONSerializer)
    assert (made.key, made.intermediate_queue_key) == ("rq:queue:e", "rq:queue:e:intermediate")
    assert made.started_job_registry.key == "rq:wip:e"
    assert made.failed_job_registry.key == FailedJobRegistry("e", queue.connection).key == "rq:failed:e"
    assert Job.key_for("x") == SafeJob.key_for("x") == "rq:job:x"
    queue.enqueue("e", _ids(1))
    assert [one.name for one in Queue.all(queue.connection, serializer=JSONSerializer)] == ["e"]
