"""Files that tasks wrote: by what right an agent may bring them to their user's place, and where they are then."""

from __future__ import annotations

from openbeam.errors import Conflict
from openbeam.models import OutputFile, OutputGrant, OutputRequest, TaskKind, TaskOutcome
from openbeam.states import TaskState
from sqlalchemy import select
from sqlalchemy.orm import Session, undefer

from openbeam_service.access import openable_credentials
from openbeam_service.audit.store import note
from openbeam_service.credentials.models import CredentialRow
from openbeam_service.database import now
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal, acting
from openbeam_service.tasks.models import HELD_STATES, TaskRow

__all__ = ["grant", "keep", "shown"]


def grant(db: Session, agent: Principal, asked: OutputRequest) -> OutputGrant:
    """Return whose outputs a task's are, and the credential that it names: at the very moment when it is needed.

    Raises
    ------
    Conflict
        When the agent does not hold the task, its user's account is closed, or the credential is not there any more.

    """
    held = (TaskRow.endpoint_id == agent.endpoint_id, TaskRow.state.in_(HELD_STATES))
    task = db.scalar(select(TaskRow).where(TaskRow.id == asked.task_id, TaskRow.lease_id == asked.lease_id, *held))
    if task is None:
        raise Conflict("The endpoint does not hold this task any more.")
    user = db.get_one(UserRow, task.user_id)
    if not user.active:
        raise Conflict(f"The account of {user.name} is closed.")
    if task.outputs_to is None:
        return OutputGrant(user=user.name, user_id=user.id)
    theirs = (CredentialRow.user_id == user.id, CredentialRow.name == task.outputs_to)
    query = select(CredentialRow).options(undefer(CredentialRow.sealed)).where(openable_credentials(agent), *theirs)
    row = db.scalar(query)
    if row is None or (row.expires is not None and row.expires <= now()):
        raise Conflict(f"The credential {task.outputs_to!r} has expired or was removed. Add it again.")
    note(
        db, acting(user, agent.client_id), "credential.use", row.id, row.name, endpoint_id=row.endpoint_id, task=task.id
    )
    return OutputGrant(user=user.name, user_id=user.id, sealed=row.sealed)


def keep(db: Session, task: TaskRow, outcome: TaskOutcome) -> None:
    """Keep with a call that has ended well where its files are."""
    if not outcome.outputs or task.kind is not TaskKind.call or task.state is not TaskState.success:
        return
    task.outputs = [one.model_dump() for one in outcome.outputs]
    caller = acting(db.get_one(UserRow, task.user_id), task.endpoint_id)
    facts = {"files": len(outcome.outputs), "bytes": sum(one.size for one in outcome.outputs)}
    first = outcome.outputs[0].uri
    note(db, caller, "task.outputs", task.id, first, endpoint_id=task.endpoint_id, **facts)


def shown(task: TaskRow) -> list[OutputFile]:
    """Return where a task's files are."""
    return [OutputFile.model_validate(one) for one in task.outputs or []]
