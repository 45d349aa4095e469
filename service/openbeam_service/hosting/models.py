"""Tables of hosts and of the endpoints that administrators manage on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.database.base import Base, now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.models import OAuthClientRow

__all__ = ["HostRow", "ManagedRow"]


class HostRow(Base):
    """A machine whose agent runs what administrators want. Its id is also that of its agent's OAuth client."""

    __tablename__ = "hosts"

    id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), unique=True)
    generation: Mapped[int] = mapped_column(default=0)
    """Goes up with each change of what it shall run."""
    status: Mapped[dict[str, Any] | None]
    """A ``HostStatus`` as its agent last sent it."""
    last_seen: Mapped[datetime | None]
    created: Mapped[datetime] = mapped_column(default=now)

    client: Mapped[OAuthClientRow] = relationship(cascade="all, delete-orphan", single_parent=True)
    managed: Mapped[list[ManagedRow]] = relationship(back_populates="host", cascade="all, delete-orphan")


class ManagedRow(Base):
    """An endpoint that a host runs: what is wanted of it, and what its host sees."""

    __tablename__ = "managed_endpoints"

    id: Mapped[str] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"), primary_key=True)
    host_id: Mapped[str] = mapped_column(ForeignKey("hosts.id", ondelete="CASCADE"), index=True)
    spec: Mapped[dict[str, Any]]
    """A ``ManagedSpec``."""
    epoch: Mapped[int] = mapped_column(default=0)
    generation: Mapped[int]
    """The host's, when this was changed last."""
    removing: Mapped[bool] = mapped_column(default=False)
    seen: Mapped[dict[str, Any] | None]
    """A ``ManagedSeen`` without its log, as the host last sent it."""
    seen_at: Mapped[datetime | None]
    log: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True), deferred=True)

    host: Mapped[HostRow] = relationship(back_populates="managed")
    endpoint: Mapped[EndpointRow] = relationship(lazy="joined", innerjoin=True)
