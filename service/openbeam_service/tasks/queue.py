"""The queue of every endpoint in Valkey. This is the only module that speaks to RQ.

A job is a task's id and nothing else: what to do is in the database, so a queue of a thousand chunks is small, its
append-only file too, and nothing that somebody might write into Valkey is ever looked into, let alone executed.

::

    queued --take--> in transit --start--> leased --finish--> gone    (queued, in transit --remove--> gone)
       ^                 |                    |---retry---.
       '-----rescue------'                    |           |
       '------------------------sweep---------'-----------'

A lease is an RQ ``Execution``: a key that lapses unless ``renew`` is called. Every step is one transaction, so after a
crash of the server a job is in exactly one of these places.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from copy import copy
from dataclasses import dataclass
from typing import Any, Final

import redis.asyncio
from fastapi import FastAPI
from openbeam.errors import ServiceUnavailable
from redis import Redis, RedisError
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import ExponentialWithJitterBackoff
from redis.retry import Retry as SyncRetry
from rq import Queue, Retry
from rq.executions import Execution
from rq.job import Job, JobStatus
from rq.registry import StartedJobRegistry
from rq.results import Result
from rq.serializers import JSONSerializer
from rq.utils import current_timestamp, parse_composite_key

from openbeam_service.tasks.pace import Pace
from openbeam_service.tasks.share import Shares

__all__ = ["MAX_LOST_LEASES", "Lease", "Lost", "SafeJob", "TaskQueue", "queue_answers", "waiting"]

MAX_LOST_LEASES: Final = 3
"""How often a task goes back to its queue; the next failure is final."""
IN_TRANSIT_SECONDS: Final = 2.0
"""How long a job may be between a queue and its lease, before it counts as dropped on the way."""

_CLOCKS: Final = 5
"""Seconds by which the clocks of two copies of the service may differ."""
_FUNCTION: Final = "openbeam.task"
_NEVER: Final = -1
_TASK_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SWEEPING: Final = "openbeam:sweeping"
_SWEEP_MILLISECONDS: Final = 10_000
_REMOVE_AT_ONCE: Final = 5_000
_RESCUE: Final = """
if redis.call('lrem', KEYS[1], 1, ARGV[1]) == 0 then return 0 end
redis.call('lpush', KEYS[2], ARGV[1])
return 1
"""


class SafeJob(Job):  # type: ignore[misc]  # RQ is not looked into by the type checker
    """A job whose hash can only say where it stands.

    A hash may name functions, callbacks and web addresses, and RQ would follow them. Here they are never read.
    """

    _READ: Final = frozenset(
        {b"status", b"origin", b"created_at", b"enqueued_at", b"started_at", b"last_heartbeat", b"timeout"}
        | {b"retries_left", b"retry_intervals", b"enqueue_at_front_on_retry"}
    )

    def restore(self, raw_data: Mapping[Any, Any]) -> None:
        """Take what a hash says of the job's standing."""
        known = {key: value for key, value in raw_data.items() if key in self._READ}
        super().restore({**known, b"data": JSONSerializer.dumps((_FUNCTION, None, [], {}))})


class _Line(Queue):  # type: ignore[misc]  # as above
    """A queue whose new jobs go into a line."""

    line = ""

    def push_job_id(self, job_id: str, pipeline: Any = None, at_front: bool = False) -> None:
        """Add a job to the line; what goes to the front passes all lines."""
        if at_front or not self.line:
            super().push_job_id(job_id, pipeline=pipeline, at_front=at_front)
        else:
            pipeline.rpush(self.line, job_id)


@dataclass(frozen=True)
class Lease:
    """A task in an agent's hands."""

    task_id: str
    lease_id: str


@dataclass(frozen=True)
class Lost:
    """A lease that ran out. ``given_up`` says that it was the last one: the task is in no queue any more."""

    task_id: str
    lease_id: str
    given_up: bool


class TaskQueue:
    """All queues. Methods that are not ``async`` block for a round trip or two: call them in a thread."""

    def __init__(self, url: str, lease_seconds: float) -> None:
        backoff = ExponentialWithJitterBackoff(base=0.02, cap=0.3)
        self.connection = Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2, retry=SyncRetry(backoff, 3))
        # A blocking read lasts as long as it lasts: a socket timeout would break it.
        self.blocking = redis.asyncio.Redis.from_url(
            url, socket_timeout=None, socket_connect_timeout=2, retry=AsyncRetry(backoff, 3)
        )
        # RQ counts whole seconds, and a lease that begins late in one would lose the rest of it.
        self._seconds = math.ceil(lease_seconds) + 1
        self._queues: dict[str, Any] = {}
        self._seen: dict[tuple[str, str], float] = {}
        self._rescue = self.connection.register_script(_RESCUE)
        self._pace = Pace(self.connection)
        self._shares = Shares(self.connection, self.blocking)

    async def close(self) -> None:
        """Close all connections."""
        await self.blocking.aclose()
        self.connection.close()

    # ------------------------------------------------------------------------------------------ into the queue
    def enqueue(self, endpoint_id: str, task_ids: Sequence[str], *, who: str = "", front: bool = False) -> None:
        """Put tasks into somebody's line at an endpoint; before all lines what a person looks at a blank page for."""
        retry = Retry(max=MAX_LOST_LEASES, enqueue_at_front=True)
        line = copy(self._queue(endpoint_id))
        line.line = self._shares.line(endpoint_id, who)
        jobs = [
            Queue.prepare_data(
                _FUNCTION, job_id=task_id, timeout=_NEVER, description=_FUNCTION, retry=retry, at_front=front
            )
            for task_id in task_ids
        ]
        with self.connection.pipeline() as pipe:
            line.enqueue_many(jobs, pipeline=pipe)
            if jobs and not front:
                self._shares.join(line, who, pipe)
            pipe.execute()

    def remove(self, endpoint_id: str, task_ids: Sequence[str]) -> None:
        """Take tasks out of a queue, or out of the way from it to a lease, and forget them."""
        queue = self._queue(endpoint_id)
        for index in range(0, len(task_ids), _REMOVE_AT_ONCE):
            some = task_ids[index : index + _REMOVE_AT_ONCE]
            self._shares.remove(queue, some)
            self.connection.delete(*(SafeJob.key_for(task_id) for task_id in some))

    # ------------------------------------------------------------------------------------------ leases
    async def lease(self, endpoint_id: str, want: int, wait: float) -> list[str]:
        """Take up to ``want`` tasks out of a queue; with an empty queue, wait up to ``wait`` seconds for one.

        They are in transit until ``start``: whoever dies in between loses nothing, ``sweep`` brings them back.
        """
        queue = self._queue(endpoint_id)
        taken = await self._shares.take(queue, want)
        if not taken and wait > 0:
            source, target = queue.key, queue.intermediate_queue_key
            first: Any = await self.blocking.blmove(source, target, wait)  # type: ignore[arg-type]  # float seconds
            if first is not None:
                taken = [first, *await self._shares.take(queue, want - 1)]
        return [task_id.decode() for task_id in taken]

    def start(self, endpoint_id: str, task_ids: Sequence[str]) -> list[Lease]:
        """Turn tasks in transit into leases. Those that the queue does not know any more are left out."""
        queue = self._queue(endpoint_id)
        sound = [task_id for task_id in task_ids if _TASK_ID.fullmatch(task_id)]
        leases = []
        with self.connection.pipeline() as pipe:
            for task_id in task_ids:
                pipe.lrem(queue.intermediate_queue_key, 1, task_id)
            for job in self._jobs(sound):
                if job is None or job.origin != endpoint_id:
                    continue
                execution = Execution.create(job, self._seconds, pipeline=pipe)
                job.prepare_for_execution("agent", pipeline=pipe)
                leases.append(Lease(job.id, execution.id))
            pipe.execute()
        return leases

    def put_back(self, endpoint_id: str, task_ids: Iterable[str]) -> None:
        """Return tasks in transit to the front of their queue: nobody is there to take them."""
        queue = self._queue(endpoint_id)
        for task_id in task_ids:
            self._rescue(keys=[queue.intermediate_queue_key, queue.key], args=[task_id])

    def alive(self, endpoint_id: str, leases: Sequence[Lease]) -> set[Lease]:
        """Return those leases that have not lapsed."""
        registry = self._queue(endpoint_id).started_job_registry
        with self.connection.pipeline(transaction=False) as pipe:
            for lease in leases:
                execution = self._execution(lease)
                pipe.exists(execution.key)
                pipe.zscore(registry.key, execution.composite_key)
            answers = pipe.execute()
        pairs = zip(answers[::2], answers[1::2], strict=True)
        return {
            lease
            for lease, (exists, score) in zip(leases, pairs, strict=True)
            # The registry is what the sweeper goes by; it counts whole seconds, the key lives to the end of the last.
            if exists and score is not None
        }

    def renew(self, endpoint_id: str, leases: Sequence[Lease]) -> set[Lease]:
        """Prolong those leases that have not lapsed, and return them."""
        alive = self.alive(endpoint_id, leases)
        registry = self._queue(endpoint_id).started_job_registry
        with self.connection.pipeline() as pipe:
            for lease in alive:
                self._execution(lease).heartbeat(registry, self._seconds, pipe)
            pipe.execute()
        return alive

    def finish(self, endpoint_id: str, leases: Iterable[Lease]) -> None:
        """Forget tasks that have ended, and their leases. What became of them is in the database."""
        ended = 0
        with self.connection.pipeline() as pipe:
            for lease in leases:
                self._forget(self._job(endpoint_id, lease.task_id), lease, pipe)
                ended += 1
            self._pace.note(endpoint_id, ended, pipe)
            pipe.execute()

    def retry(self, endpoint_id: str, leases: Sequence[Lease]) -> set[str]:
        """Return leased tasks to the front of their queue; return the ids of those that had a retry left."""
        queue = self._queue(endpoint_id)
        again = set()
        jobs = self._jobs([lease.task_id for lease in leases])
        with self.connection.pipeline() as pipe:
            for lease, job in zip(leases, jobs, strict=True):
                if job is not None and job.should_retry:
                    self._execution(lease).delete(job=job, pipeline=pipe)
                    job.retry(queue, pipe)
                    again.add(lease.task_id)
                else:
                    self._forget(job or self._job(endpoint_id, lease.task_id), lease, pipe)
            pipe.execute()
        return again

    # ------------------------------------------------------------------------------------------ housekeeping
    def sweep(self) -> list[Lost]:
        """Bring back what was lost, in all queues: leases that ran out, and tasks dropped in transit.

        Returns the leases that ran out. Only one copy of the service sweeps at a time; the others return nothing.
        """
        if not self.connection.set(_SWEEPING, 1, nx=True, px=_SWEEP_MILLISECONDS):
            return []
        try:
            queues = Queue.all(self.connection, job_class=SafeJob, serializer=JSONSerializer)
            lost = [one for queue in queues for one in self._lapsed(queue)]
            self._bring_back(queues)
            for queue in queues:
                self._shares.fill(queue)
            return lost
        finally:
            with suppress(RedisError):
                self.connection.delete(_SWEEPING)

    def known(self, endpoint_id: str) -> set[str]:
        """Return the ids of all tasks that are queued, in transit or leased at an endpoint."""
        queue = self._queue(endpoint_id)
        with self.connection.pipeline() as pipe:
            self._shares.all(queue, pipe)
            pipe.zrange(queue.started_job_registry.key, 0, -1)
            waiting, leased = pipe.execute()
        ids = {task_id.decode() for task_id in waiting}
        return ids | {parse_composite_key(entry.decode())[0] for entry in leased}

    def count(self, endpoint_id: str) -> int:
        """Return how many tasks wait in an endpoint's queue."""
        return self._shares.count(self._queue(endpoint_id))

    def ahead(self, endpoint_id: str, who: str, task_id: str) -> int | None:
        """Return how many tasks go out before one that waits; None when it does not wait here."""
        return self._shares.ahead(self._queue(endpoint_id), who, task_id)

    def tasks_a_second(self, endpoint_id: str) -> float | None:
        """Return an endpoint's pace; None when nothing has ended there lately."""
        return self._pace.tasks_a_second(endpoint_id)

    def charge(self, endpoint_id: str, used: Mapping[str, float]) -> None:
        """Note how many seconds of an endpoint people have used: others have their turn first."""
        self._shares.charge(self._queue(endpoint_id), used)

    def _lapsed(self, queue: Any) -> list[Lost]:
        registry = StartedJobRegistry(queue=queue, job_class=SafeJob, serializer=JSONSerializer)
        moment = current_timestamp()
        longest = moment + self._seconds
        with self.connection.pipeline(transaction=False) as pipe:
            pipe.zrangebyscore(registry.key, 0, moment)
            pipe.zrangebyscore(registry.key, longest + _CLOCKS, "+inf")
            entries, beyond = pipe.execute()
        if beyond:
            # The clock was set back. From now on these last as long as any lease.
            self.connection.zadd(registry.key, dict.fromkeys(beyond, longest), xx=True)
        if not entries:
            return []
        leases = [Lease(*parse_composite_key(entry.decode())) for entry in entries]
        registry.cleanup(moment)
        jobs = self._jobs([lease.task_id for lease in leases])
        lost = []
        for lease, job in zip(leases, jobs, strict=True):
            given_up = job is not None and job.get_status(refresh=False) == JobStatus.FAILED
            if given_up:
                queue.failed_job_registry.remove(lease.task_id)
                self.finish(queue.name, [lease])
            lost.append(Lost(lease.task_id, lease.lease_id, given_up))
        return lost

    def _bring_back(self, queues: Sequence[Any]) -> None:
        now, seen = time.monotonic(), {}
        with self.connection.pipeline(transaction=False) as pipe:
            for queue in queues:
                pipe.lrange(queue.intermediate_queue_key, 0, -1)
            in_transit = pipe.execute()
        for queue, entries in zip(queues, in_transit, strict=True):
            for task_id in {entry.decode() for entry in entries}:
                since = self._seen.get((queue.name, task_id), now)
                if now - since >= IN_TRANSIT_SECONDS:
                    self.put_back(queue.name, [task_id])
                else:
                    seen[queue.name, task_id] = since
        self._seen = seen

    # ------------------------------------------------------------------------------------------ RQ's objects
    def _queue(self, endpoint_id: str) -> Any:
        # Kept: a queue asks the server for its version once.
        queue = self._queues.get(endpoint_id)
        if queue is None:
            queue = _Line(endpoint_id, connection=self.connection, job_class=SafeJob, serializer=JSONSerializer)
            self._queues[endpoint_id] = queue
        return queue

    def _job(self, endpoint_id: str, task_id: str) -> SafeJob:
        job = SafeJob(task_id, connection=self.connection, serializer=JSONSerializer)
        job.origin = endpoint_id
        return job

    def _jobs(self, task_ids: Sequence[str]) -> list[SafeJob | None]:
        return list(SafeJob.fetch_many(task_ids, connection=self.connection, serializer=JSONSerializer))

    def _execution(self, lease: Lease) -> Any:
        return Execution(lease.lease_id, lease.task_id, connection=self.connection)

    def _forget(self, job: SafeJob, lease: Lease, pipe: Any) -> None:
        self._execution(lease).delete(job=job, pipeline=pipe)
        # RQ notes by itself, for ever, that a job went through its last lease.
        pipe.delete(job.key, job.execution_registry.key, Result.get_key(job.id))


@contextmanager
def queue_answers() -> Iterator[None]:
    """Turn a queue that does not answer into an error that people and agents understand.

    Raises
    ------
    ServiceUnavailable
        Ask again in a moment.

    """
    try:
        yield
    except RedisError as error:
        raise ServiceUnavailable("The queue does not answer. Try again in a moment.") from error


def waiting(app: FastAPI, endpoint_id: str) -> int:
    """Return how many tasks wait in an endpoint's queue; raises as ``queue_answers`` does."""
    queue: TaskQueue = app.state.backend.queue
    with queue_answers():
        return queue.count(endpoint_id)
