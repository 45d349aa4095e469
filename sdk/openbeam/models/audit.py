"""The audit trail: who did what to which object."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from openbeam.models.bounds import Model

__all__ = ["MAX_AUDIT_PAGE", "AuditEntry", "AuditFilter", "AuditPage"]

MAX_AUDIT_PAGE = 500
_LAST_ID = 2**31 - 1

_FIRST = datetime(1970, 1, 1, tzinfo=UTC)
_LAST = datetime(9999, 1, 1, tzinfo=UTC)

Moment = Annotated[AwareDatetime, Field(ge=_FIRST, lt=_LAST)]
"""A moment that every database knows, in every time zone."""
Word = Annotated[str, StringConstraints(max_length=200)]


class AuditEntry(Model):
    """One action. Names are those of the moment: people and things may have others by now, or be gone."""

    id: int
    at: datetime
    actor: str
    """Name of who did it; ``cli`` is the administrator at the command line, ``anonymous`` nobody known."""
    client: str
    """With which program: ``portal``, ``browser``, ``token:<id>``, ``cli``, …"""
    action: str
    """``kind.verb``: ``function.publish``, ``user.sign_in``, …"""
    kind: str
    object_id: str
    name: str
    """Of the object."""
    endpoint_id: str | None
    """The endpoint that it concerns."""
    details: dict[str, Any]


class AuditFilter(Model):
    """Which entries to return; what is left out does not matter."""

    actor: Word | None = None
    """Name of who did it."""
    action: Word | None = None
    kind: Word | None = None
    object: Word | None = None
    """Id or name of what it was done to."""
    endpoint: Word | None = None
    """Id or name of the endpoint that it concerns."""
    since: Moment | None = None
    until: Moment | None = None
    before: Annotated[int, Field(ge=1, le=_LAST_ID)] | None = None
    """``next`` of the page before."""
    limit: Annotated[int, Field(ge=1, le=MAX_AUDIT_PAGE)] = 100


class AuditPage(Model):
    """Entries, newest first."""

    entries: list[AuditEntry]
    next: int | None
    """``before`` of the next page; None on the last one."""
