"""Tables of classes and of who is in them."""

from __future__ import annotations

from datetime import datetime

from openbeam.models import ClassRole
from sqlalchemy import ColumnElement, Enum, ForeignKey, String, UniqueConstraint, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.database import Base, new_id, now
from openbeam_service.identity.models import UserRow

__all__ = ["ClassRow", "MemberRow", "classes_of"]


class ClassRow(Base):
    """A class. Its join code is kept readable: a teacher shows it on the wall, and it opens a pupil's door only."""

    __tablename__ = "classes"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    title: Mapped[str] = mapped_column(String(200), default="")
    open: Mapped[bool] = mapped_column(default=True)
    """A closed class has closed its pupils' accounts."""
    code: Mapped[str | None] = mapped_column(String(16), unique=True)
    """None while nobody may join."""
    code_expires: Mapped[datetime | None]
    created: Mapped[datetime] = mapped_column(default=now)

    owner: Mapped[UserRow] = relationship(lazy="joined", innerjoin=True)


class MemberRow(Base):
    """Somebody in a class: by a nickname that is unique in it, or by the name of their account."""

    __tablename__ = "members"
    __table_args__ = (UniqueConstraint("class_id", "folded"),)

    class_id: Mapped[str] = mapped_column(ForeignKey("classes.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    name: Mapped[str] = mapped_column(String(64))
    folded: Mapped[str] = mapped_column(String(200))
    """The name without its capitals, so that Ana and ana are one; an account's begins with ``@``, as no nickname."""
    role: Mapped[ClassRole] = mapped_column(Enum(ClassRole, native_enum=False, length=16), default=ClassRole.member)
    joined: Mapped[datetime] = mapped_column(default=now)

    user: Mapped[UserRow] = relationship(lazy="joined", innerjoin=True)


def classes_of(user_id: str, *roles: ClassRole) -> ColumnElement[str]:
    """Return the ids of a person's classes, as a subquery; with ``roles``, of those where they are one of these."""
    query = select(MemberRow.class_id).where(MemberRow.user_id == user_id)
    return (query.where(MemberRow.role.in_(roles)) if roles else query).scalar_subquery()
