"""Pupils: people who come with a class code and a nickname, and leave no personal data.

A pupil is a user without password and without any name but the nickname. Who types a nickname is not thereby that
pupil: it takes the return key, shown when the pupil joins, or a new one from the teacher.
"""

from __future__ import annotations

import secrets
import unicodedata

from openbeam.errors import Conflict, InvalidInput
from openbeam.models import ClassRole, Role
from openbeam.models.classes import tidy_code
from sqlalchemy import Select, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.classes.codes import make_key
from openbeam_service.classes.models import ClassRow, MemberRow
from openbeam_service.credentials.models import CredentialRow, forget
from openbeam_service.identity import grants
from openbeam_service.identity.models import PersonalTokenRow, UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.identity.secret import digest

__all__ = ["come_back", "in_class", "join", "new_key", "retire", "set_active"]


def folded(nickname: str) -> str:
    """Return a nickname as it is compared: capitals, width and runs of spaces do not make another one."""
    return " ".join(unicodedata.normalize("NFKC", nickname).casefold().split())


def join(db: Session, row: ClassRow, nickname: str) -> tuple[UserRow, str]:
    """Take a new pupil into a class. Return the pupil, and the key to come back with.

    Raises
    ------
    Conflict
        When somebody in the class has the nickname.

    """
    name, key = folded(nickname), make_key()
    taken = Conflict(
        f"Somebody in this class is {nickname!r} already. Choose another nickname; if it is you, use your return key.",
        nickname=nickname,
    )
    # Nobody comes as the teacher either.
    in_use = select(MemberRow.user_id).where(MemberRow.class_id == row.id, MemberRow.folded.in_([name, f"@{name}"]))
    if db.scalar(in_use.limit(1)) is not None:
        raise taken
    user = UserRow(name=f"pupil-{secrets.token_hex(6)}", display=nickname, role=Role.pupil, key_hash=digest(key))
    db.add(user)
    db.flush()
    db.add(MemberRow(class_id=row.id, user_id=user.id, name=nickname, folded=name, role=ClassRole.member))
    try:
        db.flush()
    except IntegrityError:
        raise taken from None
    # By the internal name: the trail is kept longer than the nickname.
    note(db, user, "class.join", row.id, row.name)
    return user, key


def come_back(db: Session, key: str) -> UserRow | None:
    """Return the pupil whose key this is, when their account is open."""
    return db.scalar(select(UserRow).where(UserRow.key_hash == digest(tidy_code(key)), UserRow.active))


def new_key(db: Session, by: Principal | str, row: ClassRow, member: MemberRow) -> str:
    """Give a pupil a new key. The old one, and whatever came in with it, stops working at once.

    Raises
    ------
    InvalidInput
        When it is no pupil.

    """
    if member.user.role is not Role.pupil:
        raise InvalidInput(f"{member.name} has an account, and signs in with that.", field="user_id")
    key = make_key()
    member.user.key_hash = digest(key)
    grants.revoke_all(db, member.user_id)
    db.execute(delete(PersonalTokenRow).where(PersonalTokenRow.user_id == member.user_id))
    note(db, by, "class.key", row.id, row.name, member=member.user.name)
    db.flush()
    return key


def in_class(row: ClassRow) -> Select[str]:
    """Select the ids of a class's pupils."""
    members = select(MemberRow.user_id).join(UserRow, UserRow.id == MemberRow.user_id)
    return members.where(MemberRow.class_id == row.id, UserRow.role == Role.pupil)


def set_active(db: Session, row: ClassRow, *, active: bool) -> None:
    """Open or close the accounts of a class's pupils; it works at their next call."""
    if not active:
        forget(db, CredentialRow.user_id.in_(in_class(row)))
    db.execute(update(UserRow).where(UserRow.id.in_(in_class(row))).values(active=active))


def retire(db: Session, ids: Select[str]) -> None:
    """Close pupils' accounts for good and forget their nicknames. What they ran stays as long as results are kept."""
    forget(db, CredentialRow.user_id.in_(ids))
    gone = {"active": False, "display": None, "key_hash": None}
    db.execute(update(UserRow).where(UserRow.id.in_(ids), UserRow.role == Role.pupil).values(gone))
