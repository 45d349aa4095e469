"""Tables of runs, of what is known about files, and of chunks' results."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from openbeam.models import Layout
from openbeam.states import RunState
from sqlalchemy import JSON, BigInteger, Enum, ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from openbeam_service.database import Base, new_id, now
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.registry.models import FunctionRow

__all__ = ["ChunkResultRow", "FileFactsRow", "RunRow"]


class RunRow(Base):
    """An analysis over a dataset. What it needs of the dataset is copied here: the record may be replaced meanwhile."""

    __tablename__ = "runs"
    __table_args__ = (Index(None, "user_id", "created"),)

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    function_id: Mapped[str] = mapped_column(ForeignKey("functions.id", ondelete="CASCADE"))
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"), index=True)
    environment: Mapped[str | None] = mapped_column(String(120))
    state: Mapped[RunState] = mapped_column(
        Enum(RunState, native_enum=False, length=16), default=RunState.planning, index=True
    )
    fresh: Mapped[bool] = mapped_column(default=False)
    params: Mapped[dict[str, Any]]
    """Every parameter, defaults filled in, in canonical form."""
    dataset: Mapped[str] = mapped_column(String(64))
    doi: Mapped[str | None] = mapped_column(String(100))
    simulated: Mapped[bool] = mapped_column(default=False)
    """The dataset's record says so, or one of its files does of itself."""
    tree: Mapped[str] = mapped_column(String(200))
    layout: Mapped[Layout] = mapped_column(Enum(Layout, native_enum=False, length=16))
    stated_events: Mapped[int | None] = mapped_column(BigInteger)
    """Events as the dataset's record states them."""
    files: Mapped[list[dict[str, Any]]] = mapped_column(JSON, deferred=True)
    booking: Mapped[str | None] = mapped_column(Text, deferred=True)
    """Axes and storage of every histogram, as the first chunk booked them; all others must be alike."""
    problems: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """What went wrong, apart from what went wrong with its chunks."""
    created: Mapped[datetime] = mapped_column(default=now)
    first_lease: Mapped[datetime | None]
    first_histogram: Mapped[datetime | None]
    ended: Mapped[datetime | None]
    resubmits: Mapped[str | None] = mapped_column(String(36))
    """The run whose missing chunks this one computes."""
    kept: Mapped[bool] = mapped_column(default=False)
    """Its result stays: somebody cites it."""
    forgotten: Mapped[datetime | None]
    """When its result was removed: see ``runs.retention``."""
    # ---- written once, when the run ends
    account: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    errors: Mapped[list[dict[str, Any]] | None] = mapped_column(JSON(none_as_null=True))
    histograms: Mapped[str | None] = mapped_column(Text, deferred=True)
    """JSON of name to UHI."""

    function: Mapped[FunctionRow] = relationship()
    endpoint: Mapped[EndpointRow] = relationship()


class FileFactsRow(Base):
    """Where the clusters of a file begin, as an endpoint of ``lender_id`` found.

    A person is believed about files on their own endpoints only: what one lender's machine says must not steer runs
    on another's.
    """

    __tablename__ = "file_facts"

    checksum: Mapped[str] = mapped_column(String(16), primary_key=True)
    size: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    tree: Mapped[str] = mapped_column(String(200), primary_key=True)
    lender_id: Mapped[str] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True)
    entries: Mapped[int] = mapped_column(BigInteger)
    offsets: Mapped[list[int]] = mapped_column(JSON)
    columns: Mapped[list[str]]
    simulated: Mapped[bool] = mapped_column(default=False)
    created: Mapped[datetime] = mapped_column(default=now)


class ChunkResultRow(Base):
    """Histograms of one chunk. Never changed, so that a run's sum can be made again from its chunks."""

    __tablename__ = "chunk_results"

    id: Mapped[str] = mapped_column(String(36), primary_key=True, default=new_id)
    key: Mapped[str] = mapped_column(String(64), index=True)
    """What the histograms depend on: see ``runs.cache``."""
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("endpoints.id", ondelete="CASCADE"))
    booking: Mapped[str] = mapped_column(Text)
    histograms: Mapped[str] = mapped_column(Text, deferred=True)
    """JSON of name to UHI."""
    seconds: Mapped[float]
    created: Mapped[datetime] = mapped_column(default=now, index=True)
