"""Quotas: how much one may have at once and use a day."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from openbeam.models.bounds import Model

__all__ = ["Quota", "QuotaEntry", "QuotaRule", "QuotaUse"]


class QuotaRule(Model):
    """Limits. None leaves a limit to the next rule: a person's own, then that of their role, then none at all."""

    runs: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Runs that have not ended."""
    tasks: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    """Calls that have not ended."""
    cpu_seconds: Annotated[float, Field(ge=0, le=1e9)] | None = None
    """CPU seconds in 24 hours."""


class QuotaUse(Model):
    """What is used of one limit."""

    used: float
    limit: float | None
    """None: there is none."""
    frees: datetime | None = None
    """When some of what is used counts no more; None when that depends on what runs."""


class Quota(Model):
    """The limits of a person, or of all members of a class together, and what is used of them."""

    who: str
    """``you``, or the class."""
    runs: QuotaUse
    tasks: QuotaUse
    cpu_seconds: QuotaUse


class QuotaEntry(Model):
    """A rule that an administrator has made."""

    kind: Literal["user", "class"]
    id: str
    name: str
    rule: QuotaRule
