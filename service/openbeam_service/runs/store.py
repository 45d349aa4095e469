"""What the service keeps of runs: submission, look-up, and how they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from openbeam.errors import InvalidInput, UnknownRun
from openbeam.models import Account, FunctionKind, Provenance, Run, RunFilter, RunSubmit, Seconds, TaskKind, TaskProblem
from openbeam.states import FINAL_RUN_STATES, RunState, TaskState
from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, joinedload

from openbeam_service.access import visible_runs
from openbeam_service.audit.store import note
from openbeam_service.database import now
from openbeam_service.endpoints.store import is_online
from openbeam_service.identity.principal import Principal
from openbeam_service.registry.models import FunctionRow
from openbeam_service.registry.shown import notices
from openbeam_service.registry.store import find_dataset, find_function
from openbeam_service.runs.account import Tally, tallies
from openbeam_service.runs.models import RunRow
from openbeam_service.runs.params import complete
from openbeam_service.tasks.choice import choose_endpoint
from openbeam_service.tasks.models import HELD_STATES, TaskRow

__all__ = ["add_run", "errors_of", "find_run", "list_runs", "load_run", "shown_run", "shown_runs"]

MAX_ERRORS: Final = 10

_MOST_PROBLEMS: Final = 300
_LONGEST_VERSION: Final = 10


# ------------------------------------------------------------------------------------------------ submission
def add_run(db: Session, caller: Principal, submit: RunSubmit) -> RunRow:
    """Add a run that is still to be planned.

    Raises
    ------
    UnknownFunction, UnknownDataset, UnknownEndpoint, NotAllowed, Conflict
        When the caller may not run it, or not there.
    InvalidInput
        When the function is not an analysis, or the dataset has no files.
    InvalidParameter
        Naming the parameter and the bound that it breaks.

    """
    function = find_function(db, caller, submit.function)
    if function.kind is not FunctionKind.analysis:
        raise InvalidInput(f"{function.ref} is a plain function: call it as a task (POST /tasks).", field="function")
    spec = find_dataset(db, caller, submit.dataset).spec
    if not spec["files"]:
        raise InvalidInput(f"{submit.dataset} has no file that can be fetched. {spec['obtain']}", field="dataset")
    params = complete(function.parameters, submit.params)
    endpoint = choose_endpoint(db, caller, submit.endpoint, function)
    run = RunRow(
        user_id=caller.user_id,
        function=function,
        endpoint=endpoint,
        state=RunState.planning,
        fresh=submit.fresh,
        params=params,
        dataset=spec["name"],
        doi=spec["doi"],
        simulated=spec.get("simulated", False),
        tree=spec["tree"],
        layout=spec["layout"],
        stated_events=spec["events"],
        files=spec["files"],
        problems=[],
        created=now(),
    )
    db.add(run)
    db.flush()
    note(db, caller, "run.submit", run.id, function.ref, endpoint_id=endpoint.id, dataset=run.dataset)
    return run


# ------------------------------------------------------------------------------------------------ look-up
def _query(*where: ColumnElement[bool]) -> Select[RunRow]:
    return select(RunRow).options(joinedload(RunRow.function), joinedload(RunRow.endpoint)).where(*where)


def load_run(db: Session, run_id: str) -> RunRow | None:
    """Return a run, whoever's it is."""
    return db.scalar(_query(RunRow.id == run_id))


def find_run(db: Session, caller: Principal, run_id: str, may: ColumnElement[bool] | None = None) -> RunRow:
    """Return a run that the caller may look at, or with which they ``may`` do something else.

    Raises
    ------
    UnknownRun
        When there is none. Ids are random: there is nothing near one.

    """
    run = db.scalar(_query(visible_runs(caller) if may is None else may, RunRow.id == run_id))
    if run is None:
        raise UnknownRun.among(run_id, [])
    return run


def list_runs(db: Session, caller: Principal, wanted: RunFilter) -> Sequence[RunRow]:
    """Return those of the caller's own runs that fit, newest first.

    Raises
    ------
    UnknownRun
        When there is no run that the page should begin after.

    """
    where = [visible_runs(caller), RunRow.user_id == caller.user_id]
    if wanted.state is not None:
        where.append(RunRow.state == wanted.state)
    if wanted.function is not None:
        name, _, version = wanted.function.partition("@")
        named = FunctionRow.name == name if version in {"", "latest"} else _is_version(name, version)
        where.append(
            RunRow.function_id.in_(select(FunctionRow.id).where(or_(named, FunctionRow.id == wanted.function)))
        )
    if wanted.since is not None:
        where.append(RunRow.created >= wanted.since)
    if wanted.before is not None:
        last = find_run(db, caller, wanted.before)
        where.append(or_(RunRow.created < last.created, and_(RunRow.created == last.created, RunRow.id > last.id)))
    return db.scalars(_query(*where).order_by(RunRow.created.desc(), RunRow.id).limit(wanted.limit)).all()


def _is_version(name: str, version: str) -> ColumnElement[bool]:
    number = int(version) if version.isascii() and version.isdigit() and len(version) < _LONGEST_VERSION else -1
    return and_(FunctionRow.name == name, FunctionRow.version == number)


# ------------------------------------------------------------------------------------------------ how they are shown
def shown_runs(db: Session, runs: Sequence[RunRow]) -> list[Run]:
    """Return runs as people see them."""
    counted = tallies(db, [run.id for run in runs if run.account is None])
    return [shown_run(db, run, counted.get(run.id)) for run in runs]


def shown_run(db: Session, run: RunRow, tally: Tally | None = None) -> Run:
    """Return a run as people see it; without a tally, with the account that it ended with."""
    account = tally.account if tally else Account.model_validate(run.account or {})
    errors = errors_of(db, run, account) if run.errors is None else map(TaskProblem.model_validate, run.errors)
    return Run(
        id=run.id,
        state=run.state,
        activity="" if run.state in FINAL_RUN_STATES else _activity(db, run, tally or Tally()),
        account=account,
        seconds=_seconds(run, account),
        provenance=_provenance(run),
        errors=list(errors),
        notices=notices(run.function),
        created=run.created,
        resubmits=run.resubmits,
        kept=run.kept,
    )


def errors_of(db: Session, run: RunRow, account: Account) -> list[TaskProblem]:
    """Return what went wrong, one problem a kind of failure."""
    found = list(run.problems)
    if account.chunks_failed:
        failed = (TaskRow.run_id == run.id, TaskRow.state == TaskState.failed)
        found += db.scalars(select(TaskRow.problem).where(*failed).order_by(TaskRow.ended).limit(_MOST_PROBLEMS))
    return list(_one_a_kind(TaskProblem.model_validate(problem) for problem in found if problem))[:MAX_ERRORS]


def _one_a_kind(problems: Iterable[TaskProblem]) -> Iterable[TaskProblem]:
    seen: set[tuple[Any, ...]] = set()
    for problem in problems:
        details = problem.details
        # The same line may fail with another number in its message for every chunk.
        kind = (problem.kind, str(details.get("type")), str(details.get("line"))) if "line" in details else None
        key = kind or (problem.kind, problem.message)
        if key not in seen:
            seen.add(key)
            yield problem


def _provenance(run: RunRow) -> Provenance:
    return Provenance(
        function=run.function.ref,
        function_id=run.function.id,
        sha256=run.function.sha256,
        dataset=run.dataset,
        doi=run.doi,
        simulated=run.simulated,
        params=run.params,
        endpoint=run.endpoint.name,
        environment=run.environment,
    )


def _seconds(run: RunRow, account: Account) -> Seconds:
    def since(moment: Any) -> float | None:
        return None if moment is None else round((moment - run.created).total_seconds(), 4)

    all_cached = bool(account.chunks) and account.chunks_cached == account.chunks
    return Seconds(
        queued=since(run.first_lease) if run.first_lease or not all_cached else 0.0,
        first_histogram=since(run.first_histogram),
        total=since(run.ended),
    )


def _activity(db: Session, run: RunRow, tally: Tally) -> str:
    if run.state is RunState.planning:
        looks = db.scalars(
            select(TaskRow.activity).where(
                TaskRow.kind == TaskKind.inspect,
                TaskRow.endpoint_id == run.endpoint_id,
                TaskRow.tree == run.tree,
                TaskRow.state.in_(HELD_STATES),
            )
        ).all()
        if looks:
            return next(filter(None, looks), "reading the file")
    elif tally.held:
        return tally.activity or f"{tally.held} {'chunk' if tally.held == 1 else 'chunks'} running"
    elif not tally.waiting:
        return "adding up"
    return "waiting for a worker" if is_online(run.endpoint) else f"waiting for endpoint {run.endpoint.name}"
