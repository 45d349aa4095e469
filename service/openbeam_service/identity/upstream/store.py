"""Who somebody at another provider is here. The key is issuer and subject: never an address, which may change hands."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any, Final

from openbeam.errors import Conflict, NotAllowed
from openbeam.models import Role
from sqlalchemy import select
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.identity.models import IdentityRow, UserRow
from openbeam_service.identity.store import find_user
from openbeam_service.identity.upstream.config import Claims, Provider

__all__ = ["attach", "identities", "link", "person", "subject_of", "unlink"]

_LONGEST_SUBJECT: Final = 255
_LONGEST_NAME: Final = 40
_LONGEST_DISPLAY: Final = 64
_TRIES: Final = 20
# What the audit trail calls who is no user.
_RESERVED: Final = frozenset({"anonymous", "cli", "service"})


# ------------------------------------------------------------------------------------------------ claims
def _at(claims: Claims, path: str) -> Any:
    """Return a claim, or nothing. A claim whose very name has dots comes before one inside another."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _has(claims: Claims, path: str, values: Sequence[str]) -> bool:
    found = _at(claims, path)
    return bool({str(item) for item in (found if isinstance(found, list) else [found])}.intersection(values))


def _text(claims: Claims, path: str) -> str:
    found = _at(claims, path)
    return found if isinstance(found, str) else ""


def subject_of(provider: Provider, claims: Claims) -> str:
    """Return the provider's lasting name for a person.

    Raises
    ------
    NotAllowed
        When it says none.

    """
    found = _at(claims, provider.subject)
    subject = str(found) if isinstance(found, str | int) and not isinstance(found, bool) else ""
    if not 0 < len(subject) <= _LONGEST_SUBJECT or not subject.isprintable():
        raise NotAllowed(f"{provider.label} did not say who you are. Choose another way to sign in.")
    return subject


def _check_rules(provider: Provider, claims: Claims) -> None:
    """Refuse who does not meet the provider's rules."""
    fits = all(_has(claims, claim, values) for claim, values in provider.require.items())
    if provider.email_domains:
        domain = _text(claims, "email").rpartition("@")[2].lower()
        fits = fits and claims.get("email_verified") is True and domain in provider.email_domains
    if not fits:
        raise NotAllowed(f"Your account at {provider.label} is not one that may come in here. Ask an administrator.")


def _role(provider: Provider, claims: Claims) -> Role:
    return next((rule.role for rule in provider.roles if _has(claims, rule.claim, [rule.value])), provider.role)


def _display(provider: Provider, claims: Claims) -> str | None:
    shown = "".join(char for char in _text(claims, provider.display) if char.isprintable())
    return shown.strip()[:_LONGEST_DISPLAY] or None


# ------------------------------------------------------------------------------------------------ names
def _plain(text: str) -> str:
    """Return a text in the letters that user names have. Of an e-mail address, nothing: it is nobody's business."""
    if "@" in text:
        return ""
    letters = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9_-]+", "-", letters).strip("-_")[:_LONGEST_NAME]


def _names(provider: Provider, name: str, claims: Claims) -> Iterator[str]:
    wanted = _plain(_text(claims, provider.user_name)) or _plain(_text(claims, provider.display)) or f"{name}-user"
    yield wanted
    yield from (f"{wanted}-{number}" for number in range(2, _TRIES))
    yield f"{wanted}-{secrets.token_hex(6)}"


def _add(db: Session, name: str, provider: Provider, claims: Claims) -> UserRow:
    free = next(
        word for word in _names(provider, name, claims) if word not in _RESERVED and find_user(db, word) is None
    )
    user = UserRow(name=free, display=_display(provider, claims), role=_role(provider, claims))
    db.add(user)
    db.flush()
    db.add(IdentityRow(issuer=provider.issuer, subject=subject_of(provider, claims), user_id=user.id))
    db.flush()
    note(db, user, "user.sign_up", user.id, user.name, provider=name, role=user.role.value)
    return user


# ------------------------------------------------------------------------------------------------ people
def _known(db: Session, provider: Provider, subject: str) -> IdentityRow | None:
    return db.scalar(select(IdentityRow).where(IdentityRow.issuer == provider.issuer, IdentityRow.subject == subject))


def person(db: Session, name: str, provider: Provider, claims: Claims) -> UserRow:
    """Return who this is here; who comes for the first time gets an account, where the provider may give one.

    Raises
    ------
    NotAllowed
        When the rules, a closed account, or no account stand against it.

    """
    subject = subject_of(provider, claims)
    _check_rules(provider, claims)
    row = _known(db, provider, subject)
    if row is None and not provider.sign_up:
        raise NotAllowed(
            f"Nobody here is linked to your account at {provider.label}. Ask an administrator, and tell them: {subject}"
        )
    user = row.user if row else _add(db, name, provider, claims)
    if not user.active:
        raise NotAllowed("This account is closed. Ask an administrator.")
    note(db, user, "user.sign_in", user.id, user.name, provider=name)
    return user


def link(db: Session, user: UserRow, provider: Provider, claims: Claims) -> None:
    """Let a person who is signed in come by this provider from now on.

    Raises
    ------
    NotAllowed
        When the provider's rules stand against it.
    Conflict
        When the account there is somebody else's here.

    """
    subject = subject_of(provider, claims)
    _check_rules(provider, claims)
    attach(db, user, user, provider, subject)


def attach(db: Session, by: UserRow | str, user: UserRow, provider: Provider, subject: str) -> None:
    """Note that a subject of a provider is a person here."""
    row = _known(db, provider, subject)
    if row is not None and row.user_id != user.id:
        raise Conflict(f"This account at {provider.label} belongs to another account here. Sign in with it instead.")
    if row is None:
        db.add(IdentityRow(issuer=provider.issuer, subject=subject, user_id=user.id))
        note(db, by, "user.link", user.id, user.name, issuer=provider.issuer)
        db.flush()


def identities(db: Session, user: UserRow) -> Sequence[IdentityRow]:
    """Return a person's accounts at other providers."""
    query = select(IdentityRow).where(IdentityRow.user_id == user.id)
    return db.scalars(query.order_by(IdentityRow.created, IdentityRow.id)).all()


def unlink(db: Session, user: UserRow, identity_id: str) -> None:
    """Forget one of a person's accounts at other providers.

    Raises
    ------
    Conflict
        When there would be no way left to sign in.

    """
    known = identities(db, user)
    row = next((one for one in known if one.id == identity_id), None)
    if row is None:
        return
    if len(known) == 1 and user.password_hash is None:
        raise Conflict("This is your only way to sign in. Link another one first.")
    note(db, user, "user.unlink", user.id, user.name, issuer=row.issuer)
    db.delete(row)
    db.flush()
