"""Read the audit trail: filters, and pages from the newest entry backwards."""

from __future__ import annotations

from collections.abc import Iterator

from openbeam.models import AuditEntry, AuditFilter, AuditPage
from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.orm import Session

from openbeam_service.access import visible_audit
from openbeam_service.audit.models import AuditRow
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.identity.principal import Principal

__all__ = ["page"]


def _conditions(wanted: AuditFilter) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (AuditRow.actor, wanted.actor),
        (AuditRow.action, wanted.action),
        (AuditRow.kind, wanted.kind),
    ):
        if value is not None:
            yield column == value
    if wanted.object is not None:
        yield or_(AuditRow.object_id == wanted.object, AuditRow.name == wanted.object)
    if wanted.endpoint is not None:
        named = select(EndpointRow.id).where(EndpointRow.name == wanted.endpoint)
        yield or_(AuditRow.endpoint_id == wanted.endpoint, AuditRow.endpoint_id.in_(named))
    if wanted.since is not None:
        yield AuditRow.at >= wanted.since
    if wanted.until is not None:
        yield AuditRow.at < wanted.until
    if wanted.before is not None:
        yield AuditRow.id < wanted.before


def page(db: Session, caller: Principal, wanted: AuditFilter) -> AuditPage:
    """Return the newest entries that the caller may see and that fit."""
    query = select(AuditRow).where(visible_audit(caller), *_conditions(wanted)).order_by(AuditRow.id.desc())
    rows = db.scalars(query.limit(wanted.limit + 1)).all()
    there_is_more = len(rows) > wanted.limit
    entries = [AuditEntry.model_validate(row, from_attributes=True) for row in rows[: wanted.limit]]
    return AuditPage(entries=entries, next=entries[-1].id if there_is_more else None)
