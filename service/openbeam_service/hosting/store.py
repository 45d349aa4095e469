"""Hosts: enrolment, look-up, how they are shown, and what their agents say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openbeam.errors import Conflict, UnknownHost
from openbeam.models import Host, HostReport, HostSpec, HostStatus
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session, selectinload

from openbeam_service.audit.store import note
from openbeam_service.database.base import new_id, now
from openbeam_service.endpoints import changes
from openbeam_service.endpoints.store import ONLINE_FOR
from openbeam_service.hosting import managed
from openbeam_service.hosting.models import HostRow
from openbeam_service.identity.keys import public_agent_key
from openbeam_service.identity.models import OAuthClientRow, UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.scopes import HOST_SCOPE

__all__ = ["MAX_LISTED", "delete", "enrol", "find", "keep", "listed", "revoke", "shown"]

MAX_LISTED: Final = 200
"""Hosts in one answer."""


def enrol(db: Session, caller: Principal, spec: HostSpec) -> tuple[HostRow, bool]:
    """Add a host, or give the host of this name its new key. Return it, and True when it is new.

    Raises
    ------
    InvalidInput
        When the key is not a public EC key on P-256.

    """
    key = public_agent_key(spec.key)
    row = db.scalar(select(HostRow).where(HostRow.name == spec.name).with_for_update())
    is_new = row is None
    if row is None:
        client = OAuthClientRow(id=new_id(), name=spec.name, auth_method="private_key_jwt", scopes=[HOST_SCOPE])
        row = HostRow(id=client.id, name=spec.name, client=client)
        db.add(row)
    row.client.owner_id, row.client.key, row.client.active = caller.user_id, key, True
    db.flush()
    note(db, caller, "host.enrol", row.id, row.name, new=is_new)
    return row, is_new


def listed(db: Session, visible: ColumnElement[bool]) -> Sequence[HostRow]:
    """Return the visible hosts, by name."""
    query = select(HostRow).options(selectinload(HostRow.managed)).where(visible).order_by(HostRow.name)
    return db.scalars(query.limit(MAX_LISTED)).all()


def find(db: Session, visible: ColumnElement[bool], ref: str, *, change: bool = False) -> HostRow:
    """Return the visible host with this id or name; to ``change`` it, alone.

    Raises
    ------
    UnknownHost
        Names the nearest visible names.

    """
    query = select(HostRow).where(visible, or_(HostRow.id == ref, HostRow.name == ref)).limit(1)
    row = db.scalar(query.with_for_update() if change else query)
    if row is None:
        raise UnknownHost.among(ref, db.scalars(select(HostRow.name).where(visible)))
    return row


def revoke(db: Session, caller: Principal, row: HostRow) -> None:
    """Refuse its agent, and those of its endpoints: whoever has the machine has their keys."""
    if row.client.active:
        row.client.active = False
        note(db, caller, "host.revoke", row.id, row.name)
    for one in row.managed:
        changes.revoke_key(db, caller, one.endpoint)


def delete(db: Session, caller: Principal, row: HostRow) -> None:
    """Forget a host.

    Raises
    ------
    Conflict
        When it has endpoints whose containers nobody would clear away.

    """
    left = [one.endpoint.name for one in row.managed if not one.removing or row.client.active]
    if left:
        what = "has endpoints still" if any(not one.removing for one in row.managed) else "is clearing away"
        raise Conflict(
            f"Host {row.name!r} {what}: {', '.join(sorted(left))}. Remove them and wait, or revoke the host first "
            "when it is gone for good.",
            endpoints=sorted(left),
        )
    note(db, caller, "host.delete", row.id, row.name)
    db.delete(row)


def keep(db: Session, host_id: str, report: HostReport) -> None:
    """Keep what a host's agent says. What it says of endpoints that are not its own is left."""
    row = db.get_one(HostRow, host_id)
    row.status, row.last_seen = report.status.model_dump(mode="json"), now()
    managed.keep(db, row, report)


def shown(db: Session, row: HostRow) -> Host:
    """Return a host as administrators see it."""
    owner = db.get(UserRow, row.client.owner_id) if row.client.owner_id else None
    return Host(
        id=row.id,
        name=row.name,
        owner=owner.name if owner else "",
        active=row.client.active,
        online=row.last_seen is not None and now() - row.last_seen <= ONLINE_FOR,
        last_seen=row.last_seen,
        created=row.created,
        status=HostStatus.model_validate(row.status) if row.status else None,
        endpoints=[managed.shown(one) for one in sorted(row.managed, key=lambda one: one.endpoint.name)],
    )
