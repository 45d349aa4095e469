"""What the service keeps of endpoints: registration, look-up, and how they are shown."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from fastapi import Request
from openbeam.errors import UnknownEndpoint
from openbeam.models import Approval, Endpoint, EndpointPolicy, EndpointSpec, EndpointStatus, Sharing
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, joinedload, selectinload

from openbeam_service.audit.store import note
from openbeam_service.database.base import new_id, now
from openbeam_service.endpoints import changes
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.keys import public_agent_key
from openbeam_service.identity.models import OAuthClientRow
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.scopes import AGENT_SCOPE
from openbeam_service.registry.sharing import shown_classes

__all__ = ["ONLINE_FOR", "add", "count_waiting", "find", "is_online", "listed", "own", "register", "shown"]

ONLINE_FOR: Final = timedelta(seconds=15)
"""An endpoint whose agent has not called for longer is offline."""


MAX_LISTED: Final = 1_000
"""Endpoints in one answer."""


def is_online(row: EndpointRow) -> bool:
    """Tell whether the endpoint's agent has called lately."""
    return row.last_seen is not None and now() - row.last_seen <= ONLINE_FOR


def count_waiting(request: Request, endpoint_id: str) -> int:
    """Return how many tasks wait in an endpoint's queue."""
    from openbeam_service.tasks.queue import waiting  # tasks import endpoints

    return waiting(request.app, endpoint_id)


def own(db: Session, caller: Principal, name: str) -> EndpointRow | None:
    """Return the caller's endpoint of a name, also one that was taken away."""
    return db.scalar(select(EndpointRow).where(EndpointRow.owner_id == caller.user_id, EndpointRow.name == name))


def add(db: Session, caller: Principal, name: str) -> EndpointRow:
    """Add an endpoint of the caller's, whose agent is a client of the service without a key yet."""
    about = {"name": name, "owner_id": caller.user_id}
    client = OAuthClientRow(id=new_id(), **about, auth_method="private_key_jwt", scopes=[AGENT_SCOPE])
    row = EndpointRow(id=client.id, **about, client=client)
    db.add(row)
    return row


def register(db: Session, caller: Principal, spec: EndpointSpec) -> tuple[EndpointRow, bool]:
    """Add an endpoint, or give the caller's endpoint of this name its new key. Return it, and True when it is new.

    Raises
    ------
    InvalidInput
        When the key is not a public EC key on P-256.

    """
    key = public_agent_key(spec.key)
    row = own(db, caller, spec.name)
    is_new = row is None or row.closed is not None
    row = row or add(db, caller, spec.name)
    row.client.key = key
    row.client.active = True
    row.description = spec.description
    row.closed = None
    db.flush()
    note(db, caller, "endpoint.register", row.id, row.name, endpoint_id=row.id, new=is_new)
    if spec.visibility is not None and spec.visibility is not row.visibility:
        changes.share(db, caller, row, Sharing(visibility=spec.visibility))
    return row, is_new


def listed(db: Session, visible: ColumnElement[bool]) -> Sequence[EndpointRow]:
    """Return the visible endpoints, by name."""
    query = select(EndpointRow).options(joinedload(EndpointRow.owner), selectinload(EndpointRow.classes)).where(visible)
    return db.scalars(query.order_by(EndpointRow.name, EndpointRow.created).limit(MAX_LISTED)).all()


def find(db: Session, visible: ColumnElement[bool], caller: Principal, ref: str) -> EndpointRow:
    """Return the visible endpoint with this id or name; the caller's own comes before somebody else's of that name.

    Raises
    ------
    UnknownEndpoint
        Names the nearest visible names.

    """
    query = select(EndpointRow).where(visible, or_(EndpointRow.id == ref, EndpointRow.name == ref))
    own_first = (EndpointRow.owner_id != caller.user_id, EndpointRow.created)
    row = db.scalar(query.order_by(*own_first).limit(1))
    if row is None:
        raise UnknownEndpoint.among(ref, db.scalars(select(EndpointRow.name).where(visible)))
    return row


def shown(request: Request, caller: Principal, row: EndpointRow) -> Endpoint:
    """Return an endpoint as people see it; its owner and administrators see how it is shared."""
    may_change = caller.is_admin or caller.user_id == row.owner_id
    status = EndpointStatus.model_validate(row.status) if row.status else None
    return Endpoint(
        id=row.id,
        name=row.name,
        description=row.description,
        owner=row.owner.name,
        visibility=row.visibility,
        classes=shown_classes(caller, row.owner_id, row.classes),
        approval=Approval(state=row.approval, note=row.approval_note) if row.approval and may_change else None,
        labels=row.labels,
        policy=EndpointPolicy(users=row.users, functions=row.allowed_functions, environments=row.allowed_environments),
        capacity=status.workers if status else 0,
        online=is_online(row),
        last_seen=row.last_seen,
        status=status,
        waiting=count_waiting(request, row.id),
        sealing_key=row.sealing_key,
    )
