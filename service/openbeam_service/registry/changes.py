"""What may change of a published function version: who sees it, whether it is deprecated, whether it is there."""

from __future__ import annotations

from openbeam.errors import Conflict, InvalidInput
from openbeam.models import CodeFormat, Deprecate, Sharing, Visibility
from sqlalchemy import select
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.database import now
from openbeam_service.identity.principal import Principal
from openbeam_service.registry.models import FunctionRow
from openbeam_service.registry.sharing import check_public, classes_to_share_with

__all__ = ["delete", "deprecate", "share", "undeprecate"]


def share(db: Session, caller: Principal, row: FunctionRow, sharing: Sharing) -> None:
    """Say who sees a version from now on. Tasks that are under way go on.

    Raises
    ------
    NotAllowed
        When it is to be public and the caller is no teacher.
    UnknownClass
        When it is to be shared with a class that the caller does not teach.
    InvalidInput
        When it is pickled code, which stays private.

    """
    if row.format is CodeFormat.pickle and sharing.visibility is not Visibility.private:
        raise InvalidInput(f"{row.ref} is pickled code, which stays private. Publish source text to share it.")
    if sharing.visibility is not row.visibility:
        check_public(caller, sharing.visibility)
    classes = classes_to_share_with(db, caller, sharing)
    if row.visibility is sharing.visibility and {one.id for one in row.classes} == {one.id for one in classes}:
        return
    row.visibility, row.classes = sharing.visibility, classes
    names = [one.name for one in classes]
    note(db, caller, "function.share", row.id, row.ref, visibility=row.visibility, classes=names)
    db.flush()


def deprecate(db: Session, caller: Principal, row: FunctionRow, why: Deprecate, successor: str | None) -> None:
    """Say that a version should not be used any more. It still runs, and says so."""
    row.deprecated, row.reason, row.successor = now(), why.reason, successor
    note(db, caller, "function.deprecate", row.id, row.ref, reason=row.reason, successor=row.successor)


def undeprecate(db: Session, caller: Principal, row: FunctionRow) -> None:
    """Take that back."""
    if row.deprecated is not None:
        row.deprecated, row.reason, row.successor = None, "", None
        note(db, caller, "function.undeprecate", row.id, row.ref)


def delete(db: Session, caller: Principal, row: FunctionRow) -> None:
    """Delete a version that nothing cites. Its number is never given again.

    Raises
    ------
    Conflict
        When a task or a run has used it: its result must stay explicable.

    """
    # Runs and tasks know of functions; the registry must not import them at its top.
    from openbeam_service.runs.models import RunRow
    from openbeam_service.tasks.models import TaskRow

    uses = (select(used.id).where(used.function_id == row.id).limit(1) for used in (TaskRow, RunRow))
    if any(db.scalar(use) for use in uses):
        raise Conflict(f"{row.ref} has been used, and its results cite it. Deprecate it instead.", function=row.id)
    note(db, caller, "function.delete", row.id, row.ref, sha256=row.sha256)
    row.deleted, row.visibility, row.classes = now(), Visibility.private, []
    row.source, row.docstring, row.description, row.lessons = "", "", "", []
