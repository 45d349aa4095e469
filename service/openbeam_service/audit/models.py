"""Table of the audit trail."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from openbeam_service.database import Base, now

__all__ = ["AuditRow"]


class AuditRow(Base):
    """One action. It names people and things by id and by name of the moment, so it outlives them."""

    __tablename__ = "audit"
    __table_args__ = (Index(None, "kind", "object_id"), Index(None, "actor_id", "at"))

    id: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(default=now, index=True)
    actor_id: Mapped[str | None] = mapped_column(String(36))
    """Who did it; None for the service itself or its administrator at the command line."""
    actor: Mapped[str] = mapped_column(String(64))
    client: Mapped[str] = mapped_column(String(64), default="")
    """With which program: ``portal``, ``token:<id>``, an endpoint's id, ``cli``."""
    action: Mapped[str] = mapped_column(String(64))
    """``function.publish``, ``class.join``, ``endpoint.approve``, …"""
    kind: Mapped[str] = mapped_column(String(32))
    """Kind of the object: ``function``, ``endpoint``, ``class``, ``user``, ``token``, ``run``, ``task``, …"""
    object_id: Mapped[str] = mapped_column(String(64), default="")
    name: Mapped[str] = mapped_column(String(200), default="")
    endpoint_id: Mapped[str | None] = mapped_column(String(36), index=True)
    """The endpoint that it concerns: its owner may read the entry."""
    details: Mapped[dict[str, Any]] = mapped_column(default=dict)
