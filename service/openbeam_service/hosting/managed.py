"""Managed endpoints: what administrators want of them, what their host is told, and what it says."""

from __future__ import annotations

from typing import Any

from openbeam.errors import Conflict, InvalidInput, UnknownEndpoint
from openbeam.models import (
    MAX_MANAGED,
    HostLimits,
    HostOrders,
    HostReport,
    ManagedChange,
    ManagedEndpoint,
    ManagedOrder,
    ManagedSeen,
    ManagedSize,
    ManagedSpec,
    ManagedState,
    ManagedWish,
    Visibility,
)
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.database.base import now
from openbeam_service.endpoints import changes
from openbeam_service.endpoints import store as endpoints
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.hosting.models import HostRow, ManagedRow
from openbeam_service.identity.keys import public_agent_key
from openbeam_service.identity.principal import Principal

__all__ = ["add", "change", "find", "give_key", "keep", "orders", "remove", "restart", "shown"]


def find(db: Session, visible: ColumnElement[bool], host: HostRow, ref: str) -> ManagedRow:
    """Return the host's endpoint with this id or name.

    Raises
    ------
    UnknownEndpoint
        Names the nearest names.

    """
    mine = (visible, ManagedRow.host_id == host.id)
    named = select(ManagedRow).join(EndpointRow).where(*mine, or_(EndpointRow.id == ref, EndpointRow.name == ref))
    row = db.scalar(named.order_by(EndpointRow.created).limit(1))
    if row is None:
        known = select(EndpointRow.name).join(ManagedRow).where(*mine)
        raise UnknownEndpoint.among(ref, db.scalars(known))
    return row


# ------------------------------------------------------------------------------------------------ wishes
def add(db: Session, caller: Principal, host: HostRow, spec: ManagedSpec) -> ManagedRow:
    """Want an endpoint on a host.

    Raises
    ------
    InvalidInput
        When the host has said that it would refuse it.
    Conflict
        When the caller has an endpoint of this name, or is having one removed, or the host has too many.

    """
    if len(host.managed) >= MAX_MANAGED:
        raise Conflict(f"Host {host.name!r} has {MAX_MANAGED} endpoints already. Remove one first.")
    _check(host, spec.image, spec)
    endpoint = _endpoint(db, caller, spec)
    row = ManagedRow(id=endpoint.id, host=host, endpoint=endpoint, spec=_kept(spec), generation=0, epoch=0)
    _changed(host, row)
    db.add(row)
    db.flush()
    details = spec.model_dump(mode="json", exclude={"name"}, exclude_defaults=True)
    note(db, caller, "managed.add", row.id, spec.name, endpoint_id=row.id, host=host.name, **details)
    return row


def change(db: Session, caller: Principal, row: ManagedRow, wanted: ManagedChange) -> None:
    """Change what is given.

    Raises
    ------
    InvalidInput
        When the host has said that it would refuse it.
    Conflict
        When it is being removed.

    """
    _refuse_removed(row)
    given = wanted.model_dump(mode="json", exclude_none=True)
    spec = ManagedSpec.model_validate({**row.spec, **given})
    if spec.state is ManagedWish.running:
        _check(row.host, spec.image, spec, besides=row)
    row.spec = _kept(spec)
    _changed(row.host, row)
    note(db, caller, "managed.change", row.id, spec.name, endpoint_id=row.id, host=row.host.name, **given)


def restart(db: Session, caller: Principal, row: ManagedRow) -> None:
    """Want new containers and a new key for an endpoint; raises Conflict when it is being removed."""
    _refuse_removed(row)
    row.epoch += 1
    _changed(row.host, row)
    note(db, caller, "managed.restart", row.id, row.endpoint.name, endpoint_id=row.id, host=row.host.name)


def remove(db: Session, caller: Principal, row: ManagedRow) -> None:
    """Take an endpoint away. What its host knows of it is forgotten when the host has cleared it away."""
    if row.endpoint.closed is None:
        changes.remove(db, caller, row.endpoint)
    row.removing = True
    _changed(row.host, row)
    note(db, caller, "managed.remove", row.id, row.endpoint.name, endpoint_id=row.id, host=row.host.name)


def _kept(spec: ManagedSpec) -> dict[str, Any]:
    return spec.model_dump(mode="json")


def _changed(host: HostRow, row: ManagedRow) -> None:
    host.generation += 1
    row.generation = host.generation


def _refuse_removed(row: ManagedRow) -> None:
    if _is_removed(row):
        raise Conflict(f"Endpoint {row.endpoint.name!r} is being removed.")


def _is_removed(row: ManagedRow) -> bool:
    return row.removing or row.endpoint.closed is not None


def _check(host: HostRow, image: str, size: ManagedSize, besides: ManagedRow | None = None) -> None:
    """Refuse at once what the host would refuse; one that has never called may refuse it later."""
    if host.status is None:
        return
    limits = HostLimits.model_validate(host.status["limits"])
    others = [ManagedSize(**_size(one)) for one in host.managed if one is not besides and not _is_removed(one)]
    if reason := limits.refusal(image, size, others):
        raise InvalidInput(reason, host=host.name)


def _size(row: ManagedRow) -> dict[str, Any]:
    return {name: row.spec[name] for name in ManagedSize.model_fields}


def _endpoint(db: Session, caller: Principal, spec: ManagedSpec) -> EndpointRow:
    """Make the endpoint, without a key yet; one of this name that was taken away is opened again."""
    row = endpoints.own(db, caller, spec.name)
    if row is not None and (row.closed is None or db.get(ManagedRow, row.id) is not None):
        what = "is there already" if row.closed is None else "is being removed"
        raise Conflict(f"Your endpoint {spec.name!r} {what}. Choose another name.")
    row = row or endpoints.add(db, caller, spec.name)
    row.client.active, row.client.key, row.closed = False, None, None
    row.description, row.labels = spec.description, dict(spec.labels)
    row.visibility = Visibility.public if spec.public else Visibility.private
    db.flush()
    return row


# ------------------------------------------------------------------------------------------------ the host's agent
def orders(db: Session, host_id: str) -> HostOrders:
    """Return all that a host shall run."""
    host = db.get_one(HostRow, host_id)
    rows = db.scalars(select(ManagedRow).where(ManagedRow.host_id == host_id).order_by(ManagedRow.id)).all()
    return HostOrders(generation=host.generation, endpoints=[_order(row) for row in rows])


def _order(row: ManagedRow) -> ManagedOrder:
    return ManagedOrder(
        id=row.id,
        name=row.endpoint.name,
        owner=row.endpoint.owner.name,
        owner_id=row.endpoint.owner_id,
        generation=row.generation,
        epoch=row.epoch,
        image=row.spec["image"],
        environment=row.spec["environment"],
        wanted=row.spec["state"],
        removing=_is_removed(row),
        **_size(row),
    )


def give_key(db: Session, caller: Principal, row: ManagedRow, key: dict[str, str]) -> None:
    """Accept the key that a host has made for its endpoint; raises Conflict when that is being removed."""
    _refuse_removed(row)
    row.endpoint.client.key, row.endpoint.client.active = public_agent_key(key), True
    note(db, caller, "managed.key", row.id, row.endpoint.name, endpoint_id=row.id)


def keep(db: Session, host: HostRow, report: HostReport) -> None:
    """Keep what a host sees of its endpoints, and forget those that it has cleared away."""
    rows = {row.id: row for row in host.managed}
    for seen in report.endpoints:
        if (row := rows.get(seen.id)) is not None:
            row.seen, row.seen_at = seen.model_dump(mode="json", exclude={"log"}), now()
            row.log = seen.log
    for gone in report.gone:
        if (row := rows.get(gone)) is not None and _is_removed(row):
            note(db, "service", "managed.gone", row.id, row.endpoint.name, endpoint_id=row.id, host=host.name)
            host.managed.remove(row)


# ------------------------------------------------------------------------------------------------ as people see it
def shown(row: ManagedRow) -> ManagedEndpoint:
    """Return a managed endpoint as administrators see it."""
    seen = ManagedSeen.model_validate(row.seen) if row.seen else None
    current = seen is not None and seen.generation >= row.generation
    return ManagedEndpoint(
        id=row.id,
        name=row.endpoint.name,
        host=row.host.name,
        image=row.spec["image"],
        environment=row.spec["environment"],
        wanted=row.spec["state"],
        state=_state(row, seen),
        generation=row.generation,
        current=current,
        online=endpoints.is_online(row.endpoint),
        problem=seen.problem if seen else "",
        seen=seen,
        seen_at=row.seen_at,
        **_size(row),
    )


def _state(row: ManagedRow, seen: ManagedSeen | None) -> ManagedState:
    if _is_removed(row):
        return ManagedState.removing
    return seen.state if seen else ManagedState.waiting
