"""What an owner changes of an endpoint, and what an administrator says to sharing it with everybody."""

from __future__ import annotations

from openbeam.errors import Conflict
from openbeam.models import (
    ApprovalDecision,
    ApprovalState,
    EndpointChange,
    Sharing,
    Visibility,
)
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.credentials.models import CredentialRow, forget
from openbeam_service.database import now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.principal import Principal
from openbeam_service.registry.sharing import classes_to_share_with

__all__ = ["change", "decide", "remove", "revoke_key", "share"]


def change(db: Session, caller: Principal, row: EndpointRow, wanted: EndpointChange) -> None:
    """Change what is given. Tasks that wait in its queue are checked against a new policy when they are leased."""
    if wanted.description is not None:
        row.description = wanted.description
    if wanted.labels is not None:
        row.labels = wanted.labels
    if (policy := wanted.policy) is not None:
        row.users, row.allowed_functions, row.allowed_environments = policy.users, policy.functions, policy.environments
    details = wanted.model_dump(mode="json", exclude_none=True)
    note(db, caller, "endpoint.change", row.id, row.name, endpoint_id=row.id, **details)


def share(db: Session, caller: Principal, row: EndpointRow, sharing: Sharing) -> None:
    """Say who sees an endpoint from now on. Public needs an administrator's approval: it stays as it is until then.

    Raises
    ------
    UnknownClass
        When it is to be shared with a class that the caller does not teach.

    """
    is_public = sharing.visibility is Visibility.public
    if is_public and row.visibility is Visibility.public:
        return
    if is_public and not caller.is_admin:
        row.approval, row.approval_note = ApprovalState.requested, ""
        note(db, caller, "endpoint.request", row.id, row.name, endpoint_id=row.id)
        return
    classes = classes_to_share_with(db, caller, sharing)
    row.visibility, row.classes = sharing.visibility, classes
    row.approval, row.approval_note = ApprovalState.approved if is_public else None, ""
    names = [one.name for one in classes]
    note(
        db,
        caller,
        "endpoint.share",
        row.id,
        row.name,
        endpoint_id=row.id,
        visibility=row.visibility.value,
        classes=names,
    )
    db.flush()


def decide(db: Session, caller: Principal, row: EndpointRow, decision: ApprovalDecision) -> None:
    """Approve that everybody may see an endpoint, or decline it, also later on.

    Raises
    ------
    Conflict
        When its owner has not asked for it.

    """
    if row.approval is None:
        raise Conflict(f"The owner of endpoint {row.name!r} has not asked to share it with everybody.")
    if decision.approve:
        row.approval, row.visibility, row.classes = ApprovalState.approved, Visibility.public, []
    else:
        row.approval = ApprovalState.declined
        if row.visibility is Visibility.public:
            row.visibility = Visibility.private
    row.approval_note = decision.note
    action = "endpoint.approve" if decision.approve else "endpoint.decline"
    note(db, caller, action, row.id, row.name, endpoint_id=row.id, note=decision.note)


def remove(db: Session, caller: Principal, row: EndpointRow) -> None:
    """Take an endpoint away, and its agent's key with it. What it has computed stays, and still says where.

    Registering an endpoint of this name again opens it again.
    """
    row.closed, row.status, row.sealing_key = now(), None, None
    forget(db, CredentialRow.endpoint_id == row.id)
    row.visibility, row.classes, row.approval = Visibility.private, [], None
    revoke_key(db, caller, row)
    note(db, caller, "endpoint.delete", row.id, row.name, endpoint_id=row.id)


def revoke_key(db: Session, caller: Principal, row: EndpointRow) -> None:
    """Refuse its agent from now on, also with a token that it has already, until it is registered with a new key."""
    if row.client.active:
        row.client.active = False
        note(db, caller, "endpoint.revoke", row.id, row.name, endpoint_id=row.id)
