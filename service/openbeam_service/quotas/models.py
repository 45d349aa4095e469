"""Tables of quotas: rules that differ from those of the role, and CPU seconds by the hour."""

from __future__ import annotations

from datetime import datetime

from openbeam.models import QuotaRule
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.classes.models import ClassRow
from openbeam_service.database import Base, new_id
from openbeam_service.identity.models import UserRow

__all__ = ["QuotaRow", "UsageRow"]


class QuotaRow(Base):
    """A rule for one person, or for the members of one class together."""

    __tablename__ = "quotas"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    class_id: Mapped[str | None] = mapped_column(ForeignKey("classes.id", ondelete="CASCADE"), unique=True)
    runs: Mapped[int | None]
    tasks: Mapped[int | None]
    cpu_seconds: Mapped[float | None]

    user: Mapped[UserRow | None] = relationship(lazy="joined")
    group: Mapped[ClassRow | None] = relationship(lazy="joined")

    @property
    def rule(self) -> QuotaRule:
        """The limits."""
        return QuotaRule(runs=self.runs, tasks=self.tasks, cpu_seconds=self.cpu_seconds)


class UsageRow(Base):
    """CPU seconds of a person's tasks that ended within an hour."""

    __tablename__ = "usage"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    hour: Mapped[datetime] = mapped_column(primary_key=True, index=True)
    cpu: Mapped[float]
