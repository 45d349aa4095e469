"""Rules that administrators make for one person, or for one class."""

from __future__ import annotations

from openbeam.models import QuotaEntry, QuotaRule
from sqlalchemy import select
from sqlalchemy.orm import Session

from openbeam_service.audit.store import note
from openbeam_service.classes.models import ClassRow
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.quotas.models import QuotaRow

__all__ = ["MAX_LISTED", "entries", "set_rule"]

MAX_LISTED = 1_000


def set_rule(db: Session, by: Principal | str, whose: UserRow | ClassRow, rule: QuotaRule) -> QuotaEntry:
    """Make a rule in place of the one there was; a rule without limits is none."""
    is_class = isinstance(whose, ClassRow)
    mine = QuotaRow.class_id == whose.id if is_class else QuotaRow.user_id == whose.id
    row = db.scalar(select(QuotaRow).where(mine))
    limits = rule.model_dump()
    if not any(limit is not None for limit in limits.values()):
        if row is not None:
            db.delete(row)
    elif row is None:
        db.add(QuotaRow(**({"class_id": whose.id} if is_class else {"user_id": whose.id}), **limits))
    else:
        for name, limit in limits.items():
            setattr(row, name, limit)
    note(db, by, "quota.set", whose.id, whose.name, **limits)
    db.flush()
    return QuotaEntry(kind="class" if is_class else "user", id=whose.id, name=whose.name, rule=rule)


def entries(db: Session) -> list[QuotaEntry]:
    """Return all rules, people's first, at most ``MAX_LISTED``."""
    rows = db.scalars(select(QuotaRow).order_by(QuotaRow.class_id.is_not(None), QuotaRow.id).limit(MAX_LISTED))
    return [_entry(row) for row in rows]


def _entry(row: QuotaRow) -> QuotaEntry:
    if row.group is not None:
        return QuotaEntry(kind="class", id=row.group.id, name=f"{row.group.owner.name}/{row.group.name}", rule=row.rule)
    name = row.user.name if row.user is not None else ""
    return QuotaEntry(kind="user", id=row.user_id or "", name=name, rule=row.rule)
