"""Table of credentials."""

from __future__ import annotations

from datetime import datetime

from openbeam.models import CredentialKind
from sqlalchemy import ColumnElement, Enum, ForeignKey, String, Text, UniqueConstraint, delete
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from openbeam_service.database.base import Base, new_id, now
from openbeam_service.endpoints.models import EndpointRow

__all__ = ["CredentialRow", "forget"]


class CredentialRow(Base):
    """A secret of one person for one endpoint, as that person's own program has sealed it."""

    __tablename__ = "credentials"
    __table_args__ = (UniqueConstraint("user_id", "endpoint_id", "name"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(64))
    destination: Mapped[str] = mapped_column(String(500))
    """As its user said it; the endpoint goes by what is in the seal."""
    kind: Mapped[CredentialKind] = mapped_column(Enum(CredentialKind, native_enum=False, length=16))
    key_id: Mapped[str] = mapped_column(String(43))
    """Of the endpoint's key that it is sealed to."""
    sealed: Mapped[str] = mapped_column(Text, deferred=True)
    expires: Mapped[datetime | None]
    created: Mapped[datetime] = mapped_column(default=now)

    endpoint: Mapped[EndpointRow] = relationship()


def forget(db: Session, which: ColumnElement[bool]) -> None:
    """Remove credentials, because their endpoint was taken away or their user's account was closed."""
    db.execute(delete(CredentialRow).where(which), execution_options={"synchronize_session": False})
