"""Table of endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.database.base import Base, now
from openbeam_service.identity.models import OAuthClientRow, UserRow

__all__ = ["EndpointRow"]


class EndpointRow(Base):
    """Compute that somebody lends. Its id is also the id of its agent's OAuth client, which holds the public key."""

    __tablename__ = "endpoints"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    description: Mapped[str] = mapped_column(Text, default="")
    public: Mapped[bool] = mapped_column(default=False)
    status: Mapped[dict[str, Any] | None]
    """An ``EndpointStatus`` as its agent last sent it."""
    last_seen: Mapped[datetime | None]
    created: Mapped[datetime] = mapped_column(default=now)

    owner: Mapped[UserRow] = relationship()
    client: Mapped[OAuthClientRow] = relationship(cascade="all, delete-orphan", single_parent=True)
