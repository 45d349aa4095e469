"""What people allowed programs: made at sign-in, renewed by refresh tokens, looked up at each call, revoked at once."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import ColumnElement, delete, select, update
from sqlalchemy.orm import Session, joinedload

from openbeam_service.database.base import now
from openbeam_service.identity.models import GrantRow
from openbeam_service.identity.secret import digest, make_secret, same

__all__ = ["PREFIX", "Granted", "find", "grant", "is_live", "renew", "revoke", "revoke_all", "revoke_source"]

PREFIX: Final = "obr_"
"""How a refresh token starts."""
_WITH_USER: Final = (joinedload(GrantRow.user),)
_log = structlog.get_logger("openbeam.identity")


@dataclass(frozen=True)
class Granted:
    """A grant, and the refresh token that was just made for it; None when it has none."""

    row: GrantRow
    refresh_token: str | None


def grant(
    db: Session,
    *,
    client_id: str,
    user_id: str,
    scope: str,
    source: str,
    auth_time: datetime,
    life: timedelta,
    refresh: bool,
) -> Granted:
    """Make a grant that lives for ``life``; with a refresh token, for as long after its last use."""
    db.execute(delete(GrantRow).where(GrantRow.expires < now()))
    row = GrantRow(
        client_id=client_id,
        user_id=user_id,
        scope=scope,
        source_hash=digest(source),
        auth_time=auth_time,
        expires=now() + life,
    )
    token = None
    if refresh:
        row.handle, secret = secrets.token_hex(16), make_secret()
        row.secret_hash, token = digest(secret), f"{PREFIX}{row.handle}_{secret}"
    db.add(row)
    db.flush()
    return Granted(row, token)


def find(db: Session, token: str, client_id: str | None = None) -> GrantRow | None:
    """Return the grant of a refresh token, for the client that it was made for.

    A token that has been used before, or comes from another client, is in two hands: its grant is revoked.
    """
    handle, _, secret = token.removeprefix(PREFIX).partition("_")
    row = db.scalar(select(GrantRow).where(GrantRow.handle == handle)) if token.startswith(PREFIX) else None
    if row is None or row.expires <= now():
        return None
    if not same(secret, row.secret_hash) or client_id not in {None, row.client_id}:
        _take_away(db, GrantRow.id == row.id)
        return None
    return row


def renew(db: Session, row: GrantRow, life: timedelta) -> Granted | None:
    """Change the secret of a grant; None, and the grant is gone, when another request has just done so."""
    secret = make_secret()
    changed = db.execute(
        update(GrantRow)
        .where(GrantRow.id == row.id, GrantRow.secret_hash == row.secret_hash)
        .values(secret_hash=digest(secret), expires=now() + life)
        .returning(GrantRow.id)
    )
    if changed.first() is None:
        _take_away(db, GrantRow.id == row.id)
        return None
    return Granted(row, f"{PREFIX}{row.handle}_{secret}")


def _take_away(db: Session, which: ColumnElement[bool]) -> None:
    """Revoke what is in two hands, and say so where administrators look."""
    from openbeam_service.audit.store import note  # it knows callers, who are known by their grants

    for row in db.scalars(delete(GrantRow).where(which).returning(GrantRow)).all():
        _log.warning("used twice, grant revoked", grant=row.id, client=row.client_id, user=row.user_id)
        note(db, "service", "grant.revoke", row.id, reason="used twice", user=row.user_id, client=row.client_id)


def is_live(db: Session, grant_id: str | None, *, user_id: str, client_id: str) -> bool:
    """Tell whether an access token's grant is still there. Its user is loaded with it."""
    row = db.get(GrantRow, grant_id, options=_WITH_USER) if grant_id else None
    return row is not None and row.expires > now() and (row.user_id, row.client_id) == (user_id, client_id)


def revoke(db: Session, grant_id: str) -> None:
    """Revoke a grant: its access tokens are refused at their next call, its refresh token at its next use."""
    db.execute(delete(GrantRow).where(GrantRow.id == grant_id))


def revoke_all(db: Session, user_id: str) -> None:
    """Revoke all that a person allowed."""
    db.execute(delete(GrantRow).where(GrantRow.user_id == user_id))


def revoke_source(db: Session, source: str) -> None:
    """Revoke what came from a code that is used a second time: one of its two users is not who it was made for."""
    _take_away(db, GrantRow.source_hash == digest(source))
