"""Tables of functions, datasets and uploaded files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openbeam.models import CodeFormat, FunctionKind, Visibility
from sqlalchemy import JSON, BigInteger, Enum, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.classes.models import ClassRow
from openbeam_service.database import Base, new_id, now
from openbeam_service.identity.models import UserRow

__all__ = ["DatasetRow", "FunctionRow", "FunctionShareRow", "StoredFileRow", "visibility_type"]


def visibility_type() -> Enum:
    """Return the column type of a ``Visibility``: the word that people see, not Python's name for it."""
    return Enum(Visibility, native_enum=False, length=16, values_callable=lambda words: [word.value for word in words])


class FunctionRow(Base):
    """One version of a function. What was published never changes; who sees it, and whether it is deprecated, may.

    The row of a deleted version stays, without its text, so that its number is never given to another one.
    """

    __tablename__ = "functions"
    __table_args__ = (UniqueConstraint("owner_id", "name", "version"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    version: Mapped[int]
    kind: Mapped[FunctionKind] = mapped_column(Enum(FunctionKind, native_enum=False, length=16))
    title: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text)
    tags: Mapped[list[str]]
    datasets: Mapped[list[str]]
    environment: Mapped[str | None] = mapped_column(String(120))
    visibility: Mapped[Visibility] = mapped_column(visibility_type(), default=Visibility.private)
    sha256: Mapped[str] = mapped_column(String(64), index=True)
    """Of the source text, or of the pickle's bytes."""
    content: Mapped[str] = mapped_column(String(64))
    """SHA-256 of everything that was published: equal for identical publications."""
    created: Mapped[datetime] = mapped_column(default=now)
    deprecated: Mapped[datetime | None]
    reason: Mapped[str] = mapped_column(String(500), default="")
    """Why it is deprecated."""
    successor: Mapped[str | None] = mapped_column(String(120))
    deleted: Mapped[datetime | None]
    format: Mapped[CodeFormat] = mapped_column(Enum(CodeFormat, native_enum=False, length=16))
    python: Mapped[str] = mapped_column(String(8), default="")
    """The Python that made a pickle."""
    entrypoint: Mapped[str] = mapped_column(String(100))
    timeout: Mapped[float]
    # Lists leave out what is long.
    source: Mapped[str] = mapped_column(Text, deferred=True, deferred_group="body")
    docstring: Mapped[str] = mapped_column(Text, default="", deferred=True, deferred_group="body")
    parameters: Mapped[dict[str, Any]] = mapped_column(deferred=True, deferred_group="body")
    lessons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, deferred=True, deferred_group="body")

    owner: Mapped[UserRow] = relationship(lazy="joined", innerjoin=True)
    classes: Mapped[list[ClassRow]] = relationship(secondary="function_shares")

    @property
    def ref(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


class FunctionShareRow(Base):
    """A class that a version is shared with."""

    __tablename__ = "function_shares"

    function_id: Mapped[str] = mapped_column(ForeignKey("functions.id", ondelete="CASCADE"), primary_key=True)
    class_id: Mapped[str] = mapped_column(ForeignKey("classes.id", ondelete="CASCADE"), primary_key=True, index=True)


class DatasetRow(Base):
    """A dataset under its name. Publishing it again replaces the record; runs keep a copy of what they used."""

    __tablename__ = "datasets"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    spec: Mapped[dict[str, Any]]
    """The whole ``DatasetSpec``."""
    created: Mapped[datetime] = mapped_column(default=now)

    owner: Mapped[UserRow] = relationship(lazy="joined", innerjoin=True)


class StoredFileRow(Base):
    """A file that somebody uploaded. The same content uploaded by two people is one file and two rows."""

    __tablename__ = "stored_files"

    key: Mapped[str] = mapped_column(String(64), primary_key=True)
    """SHA-256 of the content, and its name in the folder of uploads."""
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger)
    checksum: Mapped[str] = mapped_column(String(16))
    created: Mapped[datetime] = mapped_column(default=now)

    @property
    def uri(self) -> str:
        """What a dataset calls this file."""
        return f"openbeam://files/{self.key}"
