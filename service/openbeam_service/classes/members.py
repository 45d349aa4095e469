"""Who is in a class, and what they may do there."""

from __future__ import annotations

from collections.abc import Sequence

from openbeam.errors import Conflict, InvalidInput, UnknownUser
from openbeam.models import ClassRole, Member, Role
from sqlalchemy import literal, select
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.classes import pupils
from openbeam_service.classes.models import ClassRow, MemberRow
from openbeam_service.identity.principal import Principal

__all__ = ["find", "listed", "remove", "set_role", "shown"]


def listed(db: Session, row: ClassRow) -> Sequence[MemberRow]:
    """Return everybody in a class: its teachers, then by name."""
    order = (MemberRow.role.desc(), MemberRow.folded, MemberRow.user_id)
    return db.scalars(select(MemberRow).where(MemberRow.class_id == row.id).order_by(*order)).all()


def find(db: Session, row: ClassRow, user_id: str) -> MemberRow:
    """Return somebody in a class.

    Raises
    ------
    UnknownUser
        When nobody in it has this id.

    """
    member = db.get(MemberRow, (row.id, user_id))
    if member is None:
        raise UnknownUser(f"Nobody in {row.name!r} has this id. List its members to see their ids.", name=user_id)
    return member


def shown(member: MemberRow) -> Member:
    """Return somebody in a class as its teachers see them."""
    return Member(
        user_id=member.user_id,
        name=member.name,
        role=member.role,
        pupil=member.user.role is Role.pupil,
        joined=member.joined,
    )


def _check_not_owner(row: ClassRow, member: MemberRow) -> None:
    if member.user_id == row.owner_id:
        raise Conflict(f"The class belongs to {member.name}, who stays its teacher. The class can be deleted.")


def set_role(db: Session, by: Principal | str, row: ClassRow, member: MemberRow, role: ClassRole) -> None:
    """Make somebody a teacher of the class, or a plain member.

    Raises
    ------
    InvalidInput
        When their account is no teacher's.
    Conflict
        When the class is theirs.

    """
    _check_not_owner(row, member)
    if role is ClassRole.teacher and member.user.role not in {Role.teacher, Role.admin}:
        raise InvalidInput(f"{member.name} has no teacher's account. An administrator can make it one.", field="role")
    member.role = role
    note(db, by, "class.role", row.id, row.name, member=member.user.name, role=role.value)
    db.flush()


def remove(db: Session, by: Principal | str, row: ClassRow, member: MemberRow) -> None:
    """Take somebody out of a class. A pupil's account is closed for good.

    Raises
    ------
    Conflict
        When the class is theirs.

    """
    _check_not_owner(row, member)
    pupils.retire(db, select(literal(member.user_id)))
    note(db, by, "class.remove", row.id, row.name, member=member.user.name)
    db.delete(member)
    db.flush()
