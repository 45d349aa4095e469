"""Add, list and remove credentials; and give one to the agent that holds a task of its user."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from openbeam.errors import Conflict, InvalidInput, UnknownCredential
from openbeam.models import Credential, CredentialSpec
from sqlalchemy import func, select
from sqlalchemy.orm import Session, joinedload

from openbeam_service.access import own_credentials, usable_endpoints
from openbeam_service.audit.store import note
from openbeam_service.credentials.models import CredentialRow
from openbeam_service.database.base import now
from openbeam_service.endpoints import store as endpoints
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.principal import Principal

__all__ = ["MOST", "add", "check_usable", "listed", "remove", "shown"]

MOST: Final = 50
"""Credentials that a person may have."""


def listed(db: Session, caller: Principal) -> Sequence[CredentialRow]:
    """Return the caller's credentials, by name: at most ``MOST``, for nobody has more."""
    rows = select(CredentialRow).options(joinedload(CredentialRow.endpoint)).where(own_credentials(caller))
    return db.scalars(rows.order_by(CredentialRow.name, CredentialRow.created).limit(MOST)).all()


def add(db: Session, caller: Principal, spec: CredentialSpec) -> CredentialRow:
    """Keep a sealed credential; the caller's credential of that name at that endpoint is replaced.

    Raises
    ------
    UnknownEndpoint
        When the caller may use none of that name.
    Conflict
        When it is sealed to another key than the endpoint's, or the caller has too many.
    InvalidInput
        When it has expired already.

    """
    endpoint = endpoints.find(db, usable_endpoints(caller), caller, spec.endpoint)
    _check_key(endpoint, spec)
    if spec.expires is not None and spec.expires <= now():
        raise InvalidInput("The credential has expired already.", field="expires")
    mine = (own_credentials(caller), CredentialRow.endpoint_id == endpoint.id, CredentialRow.name == spec.name)
    row = db.scalar(select(CredentialRow).where(*mine))
    is_new = row is None
    if row is None:
        _check_room(db, caller)
        row = CredentialRow(user_id=caller.user_id, endpoint_id=endpoint.id, name=spec.name)
        db.add(row)
    for field in ("destination", "kind", "key_id", "sealed", "expires"):
        setattr(row, field, getattr(spec, field))
    row.created, row.endpoint = now(), endpoint
    db.flush()
    action = "credential.add" if is_new else "credential.replace"
    about = {"destination": row.destination, "credential_kind": row.kind.value}
    note(db, caller, action, row.id, row.name, endpoint_id=endpoint.id, **about)
    return row


def remove(db: Session, caller: Principal, credential_id: str) -> None:
    """Remove one of the caller's credentials; tasks that wait with it fail to hand over their outputs.

    Raises
    ------
    UnknownCredential
        When there is none with this id.

    """
    row = db.scalar(select(CredentialRow).where(own_credentials(caller), CredentialRow.id == credential_id))
    if row is None:
        raise UnknownCredential(f"You have no credential {credential_id!r}.", name=credential_id, nearest=[])
    db.delete(row)
    note(db, caller, "credential.remove", row.id, row.name, endpoint_id=row.endpoint_id)


def check_usable(db: Session, caller: Principal, endpoint: EndpointRow, name: str) -> None:
    """Let the caller send a task to an endpoint whose outputs go by this credential.

    Raises
    ------
    UnknownCredential
        When the caller has none of this name there; names the nearest.
    Conflict
        When it is not good any more.

    """
    there = (own_credentials(caller), CredentialRow.endpoint_id == endpoint.id)
    row = db.scalar(select(CredentialRow).where(*there, CredentialRow.name == name))
    if row is None:
        raise UnknownCredential.among(name, db.scalars(select(CredentialRow.name).where(*there)))
    if not _is_good(row, endpoint):
        raise Conflict(
            f"The credential {name!r} for {endpoint.name} has expired, or the endpoint has a new key. Add it again: "
            f"openbeam credentials add {name} --endpoint {endpoint.name} …",
            name=name,
        )


def shown(row: CredentialRow) -> Credential:
    """Return a credential as its user sees it."""
    about = {field: getattr(row, field) for field in Credential.model_fields.keys() - {"endpoint", "good"}}
    return Credential(**about, endpoint=row.endpoint.name, good=_is_good(row, row.endpoint))


def _is_good(row: CredentialRow, endpoint: EndpointRow) -> bool:
    has_key = (endpoint.sealing_key or {}).get("kid") == row.key_id
    return has_key and (row.expires is None or row.expires > now())


def _check_key(endpoint: EndpointRow, spec: CredentialSpec) -> None:
    known = (endpoint.sealing_key or {}).get("kid")
    if known is None:
        raise Conflict(
            f"Endpoint {endpoint.name!r} takes no credentials: its agent has not run yet, or is of an older version."
        )
    if known != spec.key_id:
        raise Conflict(f"This was not sealed to the key of endpoint {endpoint.name!r}. Seal it again.", key_id=known)


def _check_room(db: Session, caller: Principal) -> None:
    count = db.scalar(select(func.count()).select_from(CredentialRow).where(own_credentials(caller))) or 0
    if count >= MOST:
        raise Conflict(f"You have {MOST} credentials. Remove one that you do not need.")
