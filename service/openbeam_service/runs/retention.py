"""Results are kept for weeks and then removed, unless somebody cites them. What was run, and its account, stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from openbeam.errors import ResultGone, TooMany
from openbeam.models import TaskKind
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, sessionmaker

from openbeam_service.access import stoppable_runs
from openbeam_service.audit.store import note
from openbeam_service.database import now
from openbeam_service.identity.principal import Principal
from openbeam_service.runs.models import RunRow
from openbeam_service.runs.store import find_run
from openbeam_service.tasks.models import TaskRow

__all__ = ["check_there", "forget_results", "keep"]

MAX_KEPT: Final = 1_000
"""Runs that one person may keep."""
_AT_ONCE: Final = 500
_OF_A_CALL: Final[dict[str, Any]] = {"value": None, "arguments": None, "stdout": None, "stderr": None}
_OF_A_RUN: Final[dict[str, Any]] = {"histograms": "{}"}


def forget_results(sessions: sessionmaker[Session], days: int) -> None:
    """Remove the results of calls and runs that ended so many days ago; a few at a time, so that nobody waits long."""
    limit = now() - timedelta(days=days)
    calls = (TaskRow.kind == TaskKind.call, TaskRow.ended < limit, TaskRow.forgotten.is_(None))
    runs = (RunRow.ended < limit, ~RunRow.kept, RunRow.forgotten.is_(None))
    for table, old, emptied in ((TaskRow, calls, _OF_A_CALL), (RunRow, runs, _OF_A_RUN)):
        ids = select(table.id).where(*old).limit(_AT_ONCE)
        removed = _AT_ONCE
        while removed == _AT_ONCE:
            with sessions.begin() as db:
                some = db.scalars(ids).all()
                db.execute(
                    update(table).where(table.id.in_(some), *old).values(forgotten=now(), **emptied),
                    execution_options={"synchronize_session": False},
                )
            removed = len(some)


def check_there(what: str, ended: datetime | None, forgotten: datetime | None) -> None:
    """Check that a result has not been removed.

    Raises
    ------
    ResultGone
        When it has.

    """
    if forgotten is not None:
        since = f", as it had ended on {ended:%Y-%m-%d}" if ended else ""
        raise ResultGone(
            f"The result of this {what} was removed on {forgotten:%Y-%m-%d}{since}: results are kept for a "
            "limited time. Run it again to have it back.",
            forgotten=forgotten.isoformat(),
        )


def keep(db: Session, caller: Principal, run_id: str, *, kept: bool) -> RunRow:
    """Keep a run's result for as long as it is cited, or no longer.

    Raises
    ------
    UnknownRun
        When there is none that is the caller's.
    ResultGone
        When it has been removed already.
    TooMany
        When the caller keeps too many.

    """
    run = find_run(db, caller, run_id, stoppable_runs(caller))
    check_there("run", run.ended, run.forgotten)
    if run.kept == kept:
        return run
    mine = select(func.count()).select_from(RunRow).where(RunRow.user_id == run.user_id, RunRow.kept)
    if kept and (db.scalar(mine) or 0) >= MAX_KEPT:
        raise TooMany(f"{MAX_KEPT:,} runs are kept already. Let go of one that nobody cites.")
    run.kept = kept
    note(db, caller, "run.keep" if kept else "run.let_go", run.id, run.function.ref, endpoint_id=run.endpoint_id)
    return run
