"""Personal tokens, ``obp_<id>_<secret>``: for notebooks, scripts and this machine's own programs."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, joinedload

from openbeam_service.database.base import now
from openbeam_service.identity.models import PersonalTokenRow, UserRow
from openbeam_service.identity.scopes import ROLE_SCOPES
from openbeam_service.identity.secret import digest, make_secret, same

__all__ = ["MOST", "PREFIX", "count", "find", "issue", "make", "mark_used"]

PREFIX: Final = "obp_"
MOST: Final = 100
"""Tokens that a person may make for themselves."""
_NOTED_EVERY: Final = timedelta(minutes=5)
"""How coarse ``last_used`` is: a write at every call would cost more than the call."""
_WITH_USER: Final = (joinedload(PersonalTokenRow.user),)


def issue(
    db: Session, user: UserRow, *, days: int, scopes: Iterable[str] | None = None, name: str = ""
) -> tuple[PersonalTokenRow, str]:
    """Make a token of a person, by default with all that their role may do. The token itself is stored nowhere."""
    db.execute(delete(PersonalTokenRow).where(PersonalTokenRow.expires < now()))
    secret = make_secret()
    row = PersonalTokenRow(
        id=secrets.token_hex(8),
        user_id=user.id,
        name=name,
        secret_hash=digest(secret),
        scopes=sorted(ROLE_SCOPES[user.role] if scopes is None else scopes),
        expires=now() + timedelta(days=days),
    )
    db.add(row)
    db.flush()
    return row, f"{PREFIX}{row.id}_{secret}"


def make(db: Session, user: UserRow, *, days: int, scopes: Iterable[str] | None = None, name: str = "") -> str:
    """Return a new token of a person, as ``issue`` makes it."""
    return issue(db, user, days=days, scopes=scopes, name=name)[1]


def count(db: Session, user_id: str) -> int:
    """Return how many tokens a person has."""
    own = (PersonalTokenRow.user_id == user_id, PersonalTokenRow.expires > now())
    return db.scalar(select(func.count()).select_from(PersonalTokenRow).where(*own)) or 0


def find(db: Session, token: str) -> PersonalTokenRow | None:
    """Return the row of a token that is well-formed, known and not expired, with its user."""
    row_id, _, secret = token.removeprefix(PREFIX).partition("_")
    row = db.get(PersonalTokenRow, row_id, options=_WITH_USER)
    if row is None or not same(secret, row.secret_hash) or row.expires <= now():
        return None
    return row


def mark_used(db: Session, row: PersonalTokenRow) -> None:
    """Note that the token is in use, at most every five minutes."""
    moment = now()
    if row.last_used is None or moment - row.last_used > _NOTED_EVERY:
        row.last_used = moment
        db.flush()
