"""What identity keeps: people, the portal's client, the one-time setup link."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from openbeam.errors import Conflict, InvalidInput, UnknownUser
from openbeam.models import Role
from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from openbeam_service.identity.models import OAuthClientRow, SetupLinkRow, UserRow
from openbeam_service.identity.scopes import NATIVE_SCOPES, PORTAL_SCOPES
from openbeam_service.identity.secret import digest, make_secret, same

__all__ = [
    "NATIVE",
    "OPERATOR",
    "PORTAL",
    "add_user",
    "find_user",
    "has_admin_with_password",
    "is_setup_link",
    "make_setup_link",
    "the_user",
    "use_setup_link",
    "users",
    "write_native_client",
    "write_portal_client",
]

OPERATOR: Final = "operator"
"""The built-in administrator that this machine's own programs act for; it has no password."""
PORTAL: Final = "portal"
NATIVE: Final = "openbeam"
"""The client that command lines and notebooks are."""
LOOPBACK_URIS: Final = ("http://127.0.0.1/callback", "http://[::1]/callback")
"""Where a native client may be sent back to, on whatever port (RFC 8252)."""

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")


def users(db: Session) -> Sequence[UserRow]:
    """Return everybody, by name."""
    return db.scalars(select(UserRow).order_by(UserRow.name)).all()


def find_user(db: Session, name: str) -> UserRow | None:
    """Return the person with this name."""
    return db.scalar(select(UserRow).where(UserRow.name == name))


def the_user(db: Session, name: str) -> UserRow:
    """Return the person with this name.

    Raises
    ------
    UnknownUser
        Names the nearest known names.

    """
    user = find_user(db, name)
    if user is None:
        raise UnknownUser.among(name, db.scalars(select(UserRow.name)))
    return user


def add_user(db: Session, name: str, role: Role, password_hash: str | None = None) -> UserRow:
    """Add a person.

    Raises
    ------
    InvalidInput
        When the name has other characters than small letters, digits, ``-`` and ``_``.
    Conflict
        When the name is taken.

    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            "The user name may have small letters, digits, - and _, at most 64, and starts with a letter or digit.",
            field="name",
        )
    taken = Conflict(f"The user name {name!r} is taken. Choose another.", name=name)
    if find_user(db, name) is not None:
        raise taken
    user = UserRow(name=name, role=role, password_hash=password_hash)
    db.add(user)
    try:
        db.flush()
    except IntegrityError:
        raise taken from None
    return user


def has_admin_with_password(db: Session) -> bool:
    """Tell whether somebody can sign in and administrate."""
    found = select(UserRow.id).where(UserRow.role == Role.admin, UserRow.active, UserRow.password_hash.is_not(None))
    return db.scalar(found.limit(1)) is not None


def write_native_client(db: Session) -> None:
    """Register the programs that people run themselves: they keep no secret, and listen on any port of theirs."""
    row = db.get(OAuthClientRow, NATIVE) or OAuthClientRow(id=NATIVE, name="Openbeam client")
    row.auth_method = "none"
    row.redirect_uris = list(LOOPBACK_URIS)
    row.scopes = list(NATIVE_SCOPES)
    row.active = True
    db.add(row)


def write_portal_client(db: Session, secret: str, redirect_uri: str) -> None:
    """Register the portal, or bring its registration up to date."""
    row = db.get(OAuthClientRow, PORTAL) or OAuthClientRow(id=PORTAL, name=PORTAL)
    row.auth_method = "client_secret_basic"
    row.secret_hash = digest(secret)
    row.redirect_uris = [redirect_uri]
    row.scopes = list(PORTAL_SCOPES)
    row.active = True
    db.add(row)


def make_setup_link(db: Session) -> str:
    """Return the secret of a new setup link; an older one stops working."""
    secret = make_secret()
    db.execute(delete(SetupLinkRow))
    db.add(SetupLinkRow(secret_hash=digest(secret)))
    return secret


def is_setup_link(db: Session, secret: str) -> bool:
    """Tell whether a setup link is the current one."""
    row = db.scalar(select(SetupLinkRow))
    return same(secret, row.secret_hash if row else None)


def use_setup_link(db: Session, secret: str, name: str, password_hash: str) -> UserRow | None:
    """Take the setup link and add its administrator; None when the link is not the current one."""
    if not is_setup_link(db, secret):
        return None
    user = add_user(db, name, Role.admin, password_hash)
    # Of two requests with one link, the second finds nothing to delete; raising undoes its user too.
    if db.scalar(delete(SetupLinkRow).returning(SetupLinkRow.id)) is None:
        raise Conflict("This link has just been used.")
    return user
