"""What the service keeps of classes: making, finding, changing, joining."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from openbeam.errors import Conflict, NotAllowed, TooMany, UnknownClass
from openbeam.models import Class, ClassChange, ClassRole, ClassSpec, Role
from sqlalchemy import ColumnElement, Select, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from openbeam_service.access import visible_classes
from openbeam_service.audit.store import note
from openbeam_service.classes import pupils
from openbeam_service.classes.codes import make_code, spaced
from openbeam_service.classes.models import ClassRow, MemberRow
from openbeam_service.database import new_id, now
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.settings import Settings

__all__ = [
    "change",
    "close_joining",
    "every",
    "find",
    "join",
    "listed",
    "make",
    "new_code",
    "remove",
    "shown",
    "the_open_class",
]

By = Principal | str
"""Who does it: a caller, or the word ``cli``."""


# ------------------------------------------------------------------------------------------------ look
def _rows(caller: Principal) -> Select[Any]:
    """Select classes, each with how many are in it and what the caller is there."""
    inside = MemberRow.class_id == ClassRow.id
    count = select(func.count()).select_from(MemberRow).where(inside).correlate(ClassRow).scalar_subquery()
    role = select(MemberRow.role).where(inside, MemberRow.user_id == caller.user_id).correlate(ClassRow)
    return select(ClassRow, count, role.scalar_subquery())


def _shown(settings: Settings, caller: Principal, row: ClassRow, count: int, role: ClassRole | None) -> Class:
    tells = caller.is_admin or (role is ClassRole.teacher and "classes:manage" in caller.scopes)
    works = tells and row.open and row.code is not None and (row.code_expires or now()) > now()
    code = spaced(row.code) if works and row.code else None
    return Class(
        id=row.id,
        name=row.name,
        title=row.title,
        owner=row.owner.called,
        role=role,
        members=count,
        created=row.created,
        open=row.open,
        code=code,
        code_expires=row.code_expires if works else None,
        link=f"{settings.url}/login/class?code={code}" if code else None,
    )


def listed(db: Session, settings: Settings, caller: Principal, limit: int, offset: int) -> list[Class]:
    """Return the classes that the caller may see, by name."""
    query = _rows(caller).where(visible_classes(caller)).order_by(ClassRow.name, ClassRow.created, ClassRow.id)
    return [_shown(settings, caller, *found) for found in db.execute(query.limit(limit).offset(offset)).unique()]


def shown(db: Session, settings: Settings, caller: Principal, row: ClassRow) -> Class:
    """Return one class as the caller sees it."""
    return _shown(settings, caller, *db.execute(_rows(caller).where(ClassRow.id == row.id)).unique().one())


def find(db: Session, caller: Principal, ref: str, may: ColumnElement[bool] | None = None) -> ClassRow:
    """Return the class with this id or name with which the caller may do something; their own comes first.

    Raises
    ------
    UnknownClass
        Names the nearest names that the caller may see.
    NotAllowed
        When the caller sees the class, and it is for others to do this.

    """
    visible = visible_classes(caller)
    own_first = (ClassRow.owner_id != caller.user_id, ClassRow.created, ClassRow.id)
    query = select(ClassRow).where(or_(ClassRow.id == ref, ClassRow.name == ref)).order_by(*own_first).limit(1)
    row = db.scalar(query.where(visible if may is None else may))
    if row is not None:
        return row
    if db.scalar(query.where(visible)) is not None:
        raise NotAllowed("This is for the teachers of the class.", name=ref)
    raise UnknownClass.among(ref, db.scalars(select(ClassRow.name).where(visible).limit(1000)))


# ------------------------------------------------------------------------------------------------ make and change
def make(db: Session, by: By, owner: UserRow, spec: ClassSpec, settings: Settings) -> ClassRow:
    """Make a class of the owner's, with a join code. The owner is its first teacher.

    Raises
    ------
    Conflict
        When the owner has a class of this name.
    TooMany
        When the owner has as many classes as a person may have.

    """
    _check_room(db, owner.id, settings)
    row = ClassRow(id=new_id(), owner_id=owner.id, owner=owner, name=spec.name, title=spec.title, open=True)
    _set_code(row, spec.code_days)
    db.add(row)
    _flush(db, spec.name)
    db.add(_member(row, owner, ClassRole.teacher))
    note(db, by, "class.make", row.id, row.name)
    db.flush()
    return row


def _check_room(db: Session, user_id: str, settings: Settings) -> None:
    count = db.scalar(select(func.count()).select_from(MemberRow).where(MemberRow.user_id == user_id)) or 0
    if count >= settings.classes_per_person:
        raise TooMany(f"You are in {count} classes, the most there may be. Leave or delete one first.", limit=count)


def _set_code(row: ClassRow, days: int) -> None:
    row.code, row.code_expires = make_code(), now() + timedelta(days=days)


def _flush(db: Session, name: str) -> None:
    try:
        db.flush()
    except IntegrityError:
        raise Conflict(f"There is a class named {name!r} already. Choose another name.", name=name) from None


def change(db: Session, by: By, row: ClassRow, wanted: ClassChange) -> None:
    """Rename, retitle, open or close a class."""
    changes = wanted.model_dump(exclude_none=True)
    for field, value in changes.items():
        setattr(row, field, value)
    if wanted.open is not None:
        pupils.set_active(db, row, active=wanted.open)
    note(db, by, "class.change", row.id, row.name, changed=changes)
    _flush(db, row.name)


def new_code(db: Session, by: By, row: ClassRow, days: int) -> None:
    """Give a class a new join code."""
    _set_code(row, days)
    note(db, by, "class.code", row.id, row.name, days=days)
    db.flush()


def close_joining(db: Session, by: By, row: ClassRow) -> None:
    """Take the join code away: nobody new comes in."""
    row.code, row.code_expires = None, None
    note(db, by, "class.close_joining", row.id, row.name)
    db.flush()


def remove(db: Session, by: By, row: ClassRow) -> None:
    """Delete a class. Its pupils' accounts are closed for good, and nothing says any more who they were."""
    pupils.retire(db, pupils.in_class(row))
    note(db, by, "class.delete", row.id, row.name)
    db.execute(delete(MemberRow).where(MemberRow.class_id == row.id))
    db.delete(row)
    db.flush()


# ------------------------------------------------------------------------------------------------ join
def the_open_class(db: Session, code: str, settings: Settings) -> ClassRow:
    """Return the class that a code opens, locked until the transaction ends, when it has a place left.

    Raises
    ------
    UnknownClass
        When the code is wrong, replaced, expired or closed: all the same to who tries codes.
    TooMany
        When the class is full.

    """
    # An update that changes nothing: two who join at once are counted one after the other, on every database.
    opens = (ClassRow.code == code, ClassRow.code_expires > now(), ClassRow.open)
    lock = update(ClassRow).where(*opens).values(code=code).returning(ClassRow.id)
    class_id = db.scalar(lock.execution_options(synchronize_session=False))
    if class_id is None:
        raise UnknownClass("No class can be joined with this code. Ask your teacher for a new one.")
    count = db.scalar(select(func.count()).select_from(MemberRow).where(MemberRow.class_id == class_id)) or 0
    if count >= settings.class_members:
        raise TooMany(f"The class is full: {count} people are in it. Ask your teacher.", limit=count)
    return db.get_one(ClassRow, class_id)


def _member(row: ClassRow, user: UserRow, role: ClassRole) -> MemberRow:
    return MemberRow(class_id=row.id, user_id=user.id, name=user.name, folded=f"@{user.name}", role=role)


def join(db: Session, caller: Principal, code: str, settings: Settings) -> ClassRow:
    """Take the caller, who has an account, into the class of a code. Who is in it already stays as they are."""
    if caller.role is Role.pupil:
        raise NotAllowed("A pupil is in one class. To be in more, ask for an account.")
    row = the_open_class(db, code, settings)
    if db.get(MemberRow, (row.id, caller.user_id)) is None:
        _check_room(db, caller.user_id, settings)
        db.add(_member(row, db.get_one(UserRow, caller.user_id), ClassRole.member))
        note(db, caller, "class.join", row.id, row.name)
        db.flush()
    return row


def every(db: Session) -> Sequence[ClassRow]:
    """Return all classes, by owner and name."""
    return db.scalars(select(ClassRow).join(ClassRow.owner).order_by(UserRow.name, ClassRow.name)).unique().all()


def the_class(db: Session, ref: str) -> ClassRow:
    """Return the class with this id, or this ``owner/name``, whoever asks.

    Raises
    ------
    UnknownClass
        Names the nearest.

    """
    known = {f"{row.owner.name}/{row.name}": row for row in every(db)}
    found = known.get(ref) or db.get(ClassRow, ref)
    if found is None:
        raise UnknownClass.among(ref, known)
    return found
