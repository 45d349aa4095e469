"""Computing what a run lacks: a new run of the same things, which takes what is done from the chunk cache.

A run that has ended never changes, so that whoever cites it cites the same histograms for ever, and every event is
counted once in each run, by the same rules as in any other.
"""

from __future__ import annotations

from typing import Final

from openbeam.errors import Conflict
from openbeam.states import FINAL_RUN_STATES, RunState
from sqlalchemy import select
from sqlalchemy.orm import Session

from openbeam_service.access import stoppable_runs
from openbeam_service.audit.store import note
from openbeam_service.database import now
from openbeam_service.identity.principal import Principal
from openbeam_service.registry.store import find_function
from openbeam_service.runs.models import RunRow
from openbeam_service.runs.store import find_run
from openbeam_service.tasks.choice import choose_endpoint

__all__ = ["resubmit"]

_COPIED: Final = ("params", "dataset", "doi", "simulated", "tree", "layout", "stated_events")


def resubmit(db: Session, caller: Principal, run_id: str, endpoint_ref: str | None) -> RunRow:
    """Add a run, still to be planned, for what another one lacks; on the same endpoint unless another is named.

    Raises
    ------
    UnknownRun
        When there is none that is the caller's.
    Conflict
        When it has not ended, or lacks nothing.
    UnknownFunction, UnknownEndpoint, NotAllowed
        As for any run: what the caller may do is looked at again.

    """
    run = find_run(db, caller, run_id, stoppable_runs(caller))
    if run.state not in FINAL_RUN_STATES:
        raise Conflict("This run has not ended. Wait for its end, or cancel it first.", state=run.state.value)
    if run.state is RunState.complete:
        raise Conflict(
            "This run is complete: no events are missing. To compute all of it again, submit it afresh.",
            state=run.state.value,
        )
    function = find_function(db, caller, run.function_id)
    endpoint = choose_endpoint(db, caller, endpoint_ref or run.endpoint_id, function)
    again = RunRow(
        user_id=caller.user_id,
        function=function,
        endpoint=endpoint,
        state=RunState.planning,
        fresh=False,
        files=db.scalar(select(RunRow.files).where(RunRow.id == run.id)),
        problems=[],
        created=now(),
        resubmits=run.id,
        **{name: getattr(run, name) for name in _COPIED},
    )
    db.add(again)
    db.flush()
    note(db, caller, "run.resubmit", run.id, function.ref, endpoint_id=endpoint.id, run=again.id)
    return again
