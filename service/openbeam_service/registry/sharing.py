"""Who sees what, as its owner says: for function versions and for endpoints alike."""

from __future__ import annotations

from collections.abc import Sequence

from openbeam.errors import NotAllowed, UnknownClass
from openbeam.models import Role, Sharing, Visibility
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from openbeam_service.access import managed_classes
from openbeam_service.classes.models import ClassRow
from openbeam_service.identity.principal import Principal

__all__ = ["check_public", "classes_to_share_with", "shown_classes"]


def classes_to_share_with(db: Session, caller: Principal, sharing: Sharing) -> list[ClassRow]:
    """Return the classes that are named, by name or id; none unless the visibility is ``class``.

    Raises
    ------
    UnknownClass
        When one is not a class that the caller teaches. Names the nearest of those.

    """
    found = []
    for ref in sharing.classes:
        named = select(ClassRow).where(managed_classes(caller), or_(ClassRow.id == ref, ClassRow.name == ref))
        row = db.scalar(named.order_by(ClassRow.owner_id != caller.user_id, ClassRow.created).limit(1))
        if row is None:
            raise UnknownClass.among(ref, db.scalars(select(ClassRow.name).where(managed_classes(caller)).limit(1000)))
        found.append(row)
    return found


def check_public(caller: Principal, visibility: Visibility) -> None:
    """Let only teachers and administrators show something to everybody.

    Raises
    ------
    NotAllowed
        Says what is possible.

    """
    if visibility is Visibility.public and caller.role not in {Role.teacher, Role.admin}:
        raise NotAllowed("Only teachers publish for everybody. Keep it private, or ask your teacher to publish it.")


def shown_classes(caller: Principal, owner_id: str, classes: Sequence[ClassRow]) -> list[str]:
    """Return the names of classes that something is shared with, for those who may change that."""
    return sorted(row.name for row in classes) if caller.is_admin or caller.user_id == owner_id else []
