"""What routes and the sweeper do with tasks: a transaction in the database, then the queue, then news for who waits.

The order matters. The database decides; a crash right after its commit leaves the queue behind, and the sweeper, or the
next lease, finds that out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import structlog
from openbeam.models import (
    LeasedTask,
    QuotaRule,
    RenewReply,
    RenewRequest,
    ResultsReply,
    ResultsRequest,
    Role,
    Run,
    RunAgain,
    RunSubmit,
    Task,
    TaskBatch,
    TaskBatchReply,
    TaskSubmit,
)
from openbeam.states import RunState
from redis import RedisError
from sqlalchemy import select
from sqlalchemy.orm import Session, sessionmaker

from openbeam_service.identity.principal import Principal
from openbeam_service.metrics.counts import LEASES, LOST_LEASES, OUTCOMES
from openbeam_service.quotas import use as quota
from openbeam_service.runs import again, planning
from openbeam_service.runs import store as runs
from openbeam_service.runs.gather import Gatherer
from openbeam_service.runs.live import Live
from openbeam_service.runs.models import RunRow
from openbeam_service.tasks import calls, cancel, lost, store
from openbeam_service.tasks.leasing import lend
from openbeam_service.tasks.models import TaskRow
from openbeam_service.tasks.notify import Notifier
from openbeam_service.tasks.presence import Presence
from openbeam_service.tasks.push import Push
from openbeam_service.tasks.queue import Lease, Lost, TaskQueue
from openbeam_service.tasks.renewal import note
from openbeam_service.tasks.results import read_all, settle
from openbeam_service.tasks.waits import Waits

__all__ = ["Backend"]

_log = structlog.get_logger("openbeam.tasks")


class Backend:
    """All of the machinery behind the routes. Methods block: call them in a thread."""

    def __init__(
        self, sessions: sessionmaker[Session], queue: TaskQueue, roles: Mapping[Role, QuotaRule] | None = None
    ) -> None:
        self.sessions = sessions
        self._roles = roles or {}
        self.queue = queue
        self.presence = Presence(sessions)
        self.notifier = Notifier(queue)
        self.push = Push(sessions, self.notifier)
        self.live = Live(queue)
        self.waits = Waits(queue)
        self.gatherer = Gatherer(sessions, self.live, self.notifier, self.dispatch, self.waits)

    # ------------------------------------------------------------------------------------------ people
    def submit_call(self, caller: Principal, submit: TaskSubmit) -> Task:
        """Add a call and put it into its queue; raises as ``calls.add_call`` does."""
        with self.sessions() as db:
            added = calls.add_call(db, caller, submit, self._roles)
            shown = store.shown_task(db.get_one(TaskRow, added.ids[0]))
            db.commit()
        self._dispatch_calls(added)
        return shown

    def submit_batch(self, caller: Principal, batch: TaskBatch) -> TaskBatchReply:
        """Add many calls and put them into their queues; raises as ``calls.add_batch`` does."""
        with self.sessions() as db:
            added = calls.add_batch(db, caller, batch, self._roles)
            db.commit()
        self._dispatch_calls(added)
        return TaskBatchReply(group=batch.group, ids=added.ids)

    def submit_run(self, caller: Principal, submit: RunSubmit) -> Run:
        """Add a run, and plan it when all is known of its files; raises as ``add_run`` and ``quota.check`` do."""
        return self._start(caller, lambda db: runs.add_run(db, caller, submit))

    def resubmit_run(self, caller: Principal, run_id: str, wanted: RunAgain) -> Run:
        """Add a run for what another lacks, as ``submit_run`` does; raises as ``again.resubmit`` does."""
        return self._start(caller, lambda db: again.resubmit(db, caller, run_id, wanted.endpoint))

    def _start(self, caller: Principal, add: Callable[[Session], RunRow]) -> Run:
        with self.sessions() as db:
            quota.check(db, caller, self._roles, runs=1)
            run = add(db)
            to_queue = planning.advance(db, run.id)
            db.commit()
            (shown,) = runs.shown_runs(db, [run])
        self.dispatch(to_queue)
        self.gatherer.touch([run.id])
        return shown

    def cancel_call(self, caller: Principal, task_id: str) -> Task:
        """Cancel a call and return how it stands; raises as ``cancel.cancel_call`` does."""
        with self.sessions() as db:
            stopped = cancel.cancel_call(db, caller, task_id)
            db.commit()
        self._stop(stopped, stopped.tasks)
        with self.sessions() as db:
            return store.shown_task(store.find_task(db, caller, task_id))

    def cancel_run(self, caller: Principal, run_id: str) -> Run:
        """Cancel a run and return how it stands; raises as ``cancel.cancel_run`` does."""
        with self.sessions() as db:
            stopped = cancel.cancel_run(db, caller, run_id)
            db.commit()
        self._stop(stopped, [run_id])
        self.gatherer.touch([run_id])
        with self.sessions() as db:
            (shown,) = runs.shown_runs(db, [runs.find_run(db, caller, run_id)])
            return shown

    # ------------------------------------------------------------------------------------------ agents
    def lend(self, endpoint_id: str, task_ids: Sequence[str]) -> list[LeasedTask]:
        """Turn tasks that were taken out of the queue into what the agent gets; fewer when some have ended."""
        leases = self.queue.start(endpoint_id, task_ids)
        if not leases:
            return []
        with self.sessions() as db:
            lent = lend(db, endpoint_id, leases)
            db.commit()
        if lent.ended:
            self.queue.finish(endpoint_id, lent.ended)
        self._tell(lent.ended_tasks, lent.runs)
        LEASES.inc(len(lent.tasks))
        return lent.tasks

    def renew(self, endpoint_id: str, request: RenewRequest) -> RenewReply:
        """Prolong leases, and note what goes on under them."""
        self.presence.seen(endpoint_id, request.status)
        if not request.leases:
            return RenewReply(stop=[])
        alive = self.queue.renew(endpoint_id, [Lease(ref.task_id, ref.lease_id) for ref in request.leases])
        with self.sessions() as db:
            renewed = note(db, endpoint_id, request.leases, alive)
            db.commit()
        self.gatherer.touch(renewed.runs)
        return RenewReply(stop=renewed.stop)

    def settle(self, endpoint_id: str, request: ResultsRequest) -> ResultsReply:
        """Take the outcomes of tasks; those whose lease is gone are thrown away."""
        outcomes = request.outcomes
        if not outcomes:
            return ResultsReply(accepted=[], fenced=[])
        with self.sessions() as db:
            said = read_all(db, endpoint_id, outcomes)
        alive = self.queue.alive(endpoint_id, [Lease(outcome.task_id, outcome.lease_id) for outcome in outcomes])
        with self.sessions() as db:
            settled = settle(db, endpoint_id, outcomes, said, alive)
            quota.charge(db, settled.used)
            db.commit()
        for what, count in (("accepted", settled.accepted), ("fenced", settled.fenced), ("again", settled.again)):
            OUTCOMES.labels(what).inc(len(count))
        self._tell([lease.task_id for lease in settled.finished], settled.runs)
        self.queue.finish(endpoint_id, settled.finished)
        self.queue.charge(endpoint_id, settled.used)
        if settled.again:
            self._try_again(endpoint_id, settled.again)
        for task in settled.released:
            self.dispatch(planning.ToQueue(task.endpoint_id, front=[task.id]))
        if settled.looked:
            self.gatherer.touch(self.active_runs(RunState.planning))
        return ResultsReply(accepted=settled.accepted, fenced=settled.fenced)

    def withdraw(self, endpoint_id: str, name: str) -> None:
        """Let everything fail that waits for an endpoint which was taken away, or runs there."""
        with self.sessions() as db:
            noted = lost.withdraw(db, endpoint_id, name)
            db.commit()
        self._tell(noted.ended, noted.runs)
        self.gatherer.touch(self.active_runs(RunState.planning))

    # ------------------------------------------------------------------------------------------ queue
    def dispatch(self, to_queue: planning.ToQueue | None) -> None:
        """Put tasks that are in the database into their queue. When it is away, the sweeper does so later."""
        if to_queue is None:
            return
        try:
            if to_queue.front:
                self.queue.enqueue(to_queue.endpoint_id, to_queue.front, front=True)
            if to_queue.back:
                self.queue.enqueue(to_queue.endpoint_id, to_queue.back, who=to_queue.who)
        except RedisError as error:
            _log.warning("tasks wait for the queue's server", endpoint=to_queue.endpoint_id, reason=str(error))

    def _dispatch_calls(self, added: calls.Added) -> None:
        for endpoint_id, task_ids in added.queues.items():
            self.dispatch(planning.ToQueue(endpoint_id, added.user_id, back=task_ids))

    def note_lost(self, leases: Sequence[Lost]) -> None:
        """Note leases that the queue has found to be lost."""
        if leases:
            LOST_LEASES.inc(len(leases))
            _log.warning("leases were lost", tasks=[one.task_id for one in leases])
            with self.sessions() as db:
                noted = lost.mark_lost(db, leases)
                db.commit()
            for endpoint_id, task_ids in noted.unwanted.items():
                self.queue.remove(endpoint_id, task_ids)
            self._tell(noted.ended, noted.runs)

    def remember_forgotten(self) -> None:
        """Put into their queues again what the database waits for and Valkey knows nothing of."""
        with self.sessions() as db:
            forgotten = lost.find_forgotten(db, self.queue)
        for endpoint_id, task_ids in forgotten.items():
            with self.sessions() as db:
                noted = lost.mark_forgotten(db, task_ids)
                db.commit()
            _log.warning("the queue had forgotten tasks", endpoint=endpoint_id, tasks=sorted(noted.queued))
            for who, queued in noted.lines(task_ids).items():
                self.queue.enqueue(endpoint_id, queued, who=who)
            self.gatherer.touch(noted.runs)

    def open_runs(self) -> Sequence[str]:
        """Return the ids of all runs with something left to do; a cancelled one has until it is added up."""
        goes_on = RunRow.state.in_((RunState.planning, RunState.running))
        unfinished = (RunRow.state == RunState.cancelled) & RunRow.histograms.is_(None) & RunRow.forgotten.is_(None)
        with self.sessions() as db:
            return db.scalars(select(RunRow.id).where(goes_on | unfinished)).all()

    def active_runs(self, *states: RunState) -> Sequence[str]:
        """Return the ids of all runs in these states."""
        with self.sessions() as db:
            return db.scalars(select(RunRow.id).where(RunRow.state.in_(states))).all()

    def _stop(self, stopped: cancel.Stopped, told: Sequence[str]) -> None:
        """Let the queue forget what was stopped, and wake who waits for it. The queue may be away: nothing is lost."""
        try:
            for endpoint_id, gone in stopped.gone.items():
                self.queue.remove(endpoint_id, gone.queued)
                self.queue.finish(endpoint_id, gone.leases)
        except RedisError as error:
            _log.warning("what was stopped is in the queue still", reason=str(error))
        for endpoint_id, task_ids in stopped.released.items():
            self.dispatch(planning.ToQueue(endpoint_id, front=task_ids))
        # An agent that has some of it listens under its endpoint's id.
        self.notifier.tell([*told, *(endpoint_id for endpoint_id, gone in stopped.gone.items() if gone.leases)])

    def _try_again(self, endpoint_id: str, leases: Sequence[Lease]) -> None:
        again = self.queue.retry(endpoint_id, leases)
        given_up = {lease.task_id for lease in leases} - again
        if given_up:
            with self.sessions() as db:
                noted = lost.give_up(db, given_up)
                db.commit()
            self._tell(noted.ended, noted.runs)

    def _tell(self, task_ids: Iterable[str], run_ids: Iterable[str]) -> None:
        self.notifier.tell(task_ids)
        self.gatherer.touch(run_ids)
