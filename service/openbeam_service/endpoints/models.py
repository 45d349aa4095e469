"""Table of endpoints."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openbeam.models import ApprovalState, EndpointUsers, Visibility
from sqlalchemy import JSON, Enum, ForeignKey, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.classes.models import ClassRow
from openbeam_service.database.base import Base, now
from openbeam_service.identity.models import OAuthClientRow, UserRow
from openbeam_service.registry.models import visibility_type

__all__ = ["EndpointRow", "EndpointShareRow"]


class EndpointRow(Base):
    """Compute that somebody lends. Its id is also the id of its agent's OAuth client, which holds the public key."""

    __tablename__ = "endpoints"
    __table_args__ = (UniqueConstraint("owner_id", "name"),)

    id: Mapped[str] = mapped_column(ForeignKey("oauth_clients.id", ondelete="CASCADE"), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), index=True)
    owner_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    description: Mapped[str] = mapped_column(Text, default="")
    visibility: Mapped[Visibility] = mapped_column(visibility_type(), default=Visibility.private)
    """Who sees it now; a wish to make it public is ``approval``."""
    approval: Mapped[ApprovalState | None] = mapped_column(Enum(ApprovalState, native_enum=False, length=16))
    approval_note: Mapped[str] = mapped_column(String(500), default="")
    labels: Mapped[dict[str, Any]] = mapped_column(default=dict)
    users: Mapped[EndpointUsers] = mapped_column(
        Enum(EndpointUsers, native_enum=False, length=16), default=EndpointUsers.all
    )
    """The part of the policy that is asked in SQL."""
    allowed_functions: Mapped[list[str]] = mapped_column(default=list)
    allowed_environments: Mapped[list[str]] = mapped_column(default=list)
    packages: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True), deferred=True)
    """An ``EnvironmentReport`` as its agent last told."""
    status: Mapped[dict[str, Any] | None]
    """An ``EndpointStatus`` as its agent last sent it."""
    sealing_key: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    """Public JWK, with its thumbprint as ``kid``, to which credentials are sealed; as its agent last told."""
    last_seen: Mapped[datetime | None]
    created: Mapped[datetime] = mapped_column(default=now)
    closed: Mapped[datetime | None]
    """When it was taken away; registering it again opens it again."""

    owner: Mapped[UserRow] = relationship()
    classes: Mapped[list[ClassRow]] = relationship(secondary="endpoint_shares")
    client: Mapped[OAuthClientRow] = relationship(cascade="all, delete-orphan", single_parent=True)


class EndpointShareRow(Base):
    """A class that an endpoint is shared with."""

    __tablename__ = "endpoint_shares"

    endpoint_id: Mapped[str] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"), primary_key=True)
    class_id: Mapped[str] = mapped_column(ForeignKey("classes.id", ondelete="CASCADE"), primary_key=True, index=True)
