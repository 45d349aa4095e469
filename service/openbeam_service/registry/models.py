"""Tables of functions, datasets and uploaded files."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openbeam.models import FunctionKind
from sqlalchemy import JSON, BigInteger, Enum, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.database import Base, new_id, now
from openbeam_service.identity.models import UserRow

__all__ = ["DatasetRow", "FunctionRow", "StoredFileRow"]


class FunctionRow(Base):
    """One version of a function. Rows are never changed: another source, schema or word is another version."""

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
    public: Mapped[bool]
    sha256: Mapped[str] = mapped_column(String(64))
    """Of the source text."""
    content: Mapped[str] = mapped_column(String(64))
    """SHA-256 of everything that was published: equal for identical publications."""
    created: Mapped[datetime] = mapped_column(default=now)
    entrypoint: Mapped[str] = mapped_column(String(100))
    timeout: Mapped[float]
    # Lists leave out what is long.
    source: Mapped[str] = mapped_column(Text, deferred=True, deferred_group="body")
    parameters: Mapped[dict[str, Any]] = mapped_column(deferred=True, deferred_group="body")
    lessons: Mapped[list[dict[str, Any]]] = mapped_column(JSON, deferred=True, deferred_group="body")

    owner: Mapped[UserRow] = relationship(lazy="joined", innerjoin=True)

    @property
    def ref(self) -> str:
        """``name@version``."""
        return f"{self.name}@{self.version}"


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
