"""What is used, and whether there is room for more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from openbeam.errors import QuotaUsedUp
from openbeam.models import ClassRole, Quota, QuotaRule, QuotaUse, Role, TaskKind
from openbeam.states import RunState
from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from openbeam_service.classes.models import ClassRow, MemberRow, classes_of
from openbeam_service.database import lock, now
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.quotas.models import QuotaRow, UsageRow
from openbeam_service.runs.models import RunRow
from openbeam_service.tasks.models import ACTIVE_STATES, TaskRow

__all__ = ["charge", "check", "forget", "quotas_of"]

_DAY: Final = timedelta(hours=24)
_WORDS: Final = {"runs": "runs that have not ended", "tasks": "calls that have not ended"}
_RETRY_SECONDS: Final = 5
_LONGEST_COUNT: Final = 1_000_000


@dataclass(frozen=True)
class _Limits:
    """The rule of some people together."""

    who: str
    rule: QuotaRule
    people: ColumnElement[bool] | Any
    class_id: str | None = None
    """None: they are one person."""


def quotas_of(db: Session, caller: Principal, roles: Mapping[Role, QuotaRule]) -> list[Quota]:
    """Return the caller's own limits, and those of the classes they are a member of, with what is used of them."""
    return [
        Quota(
            who=limits.who,
            runs=QuotaUse(used=_runs(db, limits), limit=limits.rule.runs),
            tasks=QuotaUse(used=_tasks(db, limits, _LONGEST_COUNT), limit=limits.rule.tasks),
            cpu_seconds=_cpu(db, limits),
        )
        for limits in _limits(db, caller, roles)
    ]


def check(db: Session, caller: Principal, roles: Mapping[Role, QuotaRule], *, runs: int = 0, tasks: int = 0) -> None:
    """See to it that there is room for so many more runs or calls, until the transaction ends.

    Raises
    ------
    QuotaUsedUp
        Saying which limit, whose, and when it frees.

    """
    every = list(_limits(db, caller, roles))
    if any(limits.rule.runs is not None or limits.rule.tasks is not None for limits in every):
        _take_turns(db, caller, every)
    for limits in every:
        rule = limits.rule
        if runs and rule.runs is not None:
            _check_count(limits, "runs", _runs(db, limits), runs, rule.runs)
        if tasks and rule.tasks is not None:
            _check_count(limits, "tasks", _tasks(db, limits, rule.tasks), tasks, rule.tasks)
        if rule.cpu_seconds is not None:
            _check_cpu(limits, _cpu(db, limits))


def charge(db: Session, used: Mapping[str, float]) -> None:
    """Add CPU seconds to people's use of this hour."""
    rows = [{"user_id": who, "hour": _hour(now()), "cpu": seconds} for who, seconds in sorted(used.items()) if seconds]
    if not rows:
        return
    dialect: Any = sqlite if db.get_bind().dialect.name == "sqlite" else postgresql
    new = dialect.insert(UsageRow)
    more = {"cpu": UsageRow.cpu + new.excluded.cpu}
    db.execute(new.on_conflict_do_update(index_elements=["user_id", "hour"], set_=more), rows)


def forget(db: Session) -> None:
    """Delete what counts no more."""
    db.execute(delete(UsageRow).where(UsageRow.hour < now() - 2 * _DAY))


# ------------------------------------------------------------------------------------------------ limits
def _limits(db: Session, caller: Principal, roles: Mapping[Role, QuotaRule]) -> Iterable[_Limits]:
    classes = QuotaRow.class_id.in_(classes_of(caller.user_id, ClassRole.member))
    rows = db.scalars(select(QuotaRow).where((QuotaRow.user_id == caller.user_id) | classes)).all()
    base = roles.get(caller.role, QuotaRule()) if caller.role else QuotaRule()
    own = [row.rule.model_dump(exclude_none=True) for row in rows if row.user_id]
    mine = base.model_copy(update=own[0] if own else {})
    yield _Limits("you", mine, [caller.user_id])
    for row in rows:
        if row.group is not None:
            members = MemberRow.class_id == row.class_id, MemberRow.role == ClassRole.member
            people = select(MemberRow.user_id).where(*members)
            yield _Limits(f"the class {row.group.name}", row.rule, people, row.class_id)


def _runs(db: Session, limits: _Limits) -> int:
    active = (RunRow.user_id.in_(limits.people), RunRow.state.in_({RunState.planning, RunState.running}))
    return db.scalar(select(func.count()).select_from(RunRow).where(*active)) or 0


def _tasks(db: Session, limits: _Limits, most: int) -> int:
    active = (TaskRow.user_id.in_(limits.people), TaskRow.state.in_(ACTIVE_STATES), TaskRow.kind == TaskKind.call)
    some = select(TaskRow.id).where(*active).limit(most + 1).subquery()
    return db.scalar(select(func.count()).select_from(some)) or 0


def _cpu(db: Session, limits: _Limits) -> QuotaUse:
    recent = (UsageRow.user_id.in_(limits.people), UsageRow.hour > _hour(now()) - _DAY)
    used, first = db.execute(select(func.sum(UsageRow.cpu), func.min(UsageRow.hour)).where(*recent)).one()
    frees = first + _DAY if first is not None else None
    return QuotaUse(used=round(used or 0.0, 3), limit=limits.rule.cpu_seconds, frees=frees)


def _hour(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


def _take_turns(db: Session, caller: Principal, every: Sequence[_Limits]) -> None:
    """Let requests of the same people count one after the other: two at once would both see the last free place.

    Always the person before their classes, and classes in one order, so that nobody waits for who waits for them.
    """
    lock(db)
    db.execute(select(UserRow.id).where(UserRow.id == caller.user_id).with_for_update(key_share=True))
    if classes := [limits.class_id for limits in every if limits.class_id]:
        locked = select(ClassRow.id).where(ClassRow.id.in_(classes)).order_by(ClassRow.id)
        db.execute(locked.with_for_update(key_share=True))


# ------------------------------------------------------------------------------------------------ refusals
def _check_count(limits: _Limits, what: str, used: int, more: int, limit: int) -> None:
    if used + more <= limit:
        return
    have = "You have" if limits.who == "you" else f"Together, {limits.who} has"
    raise QuotaUsedUp(
        f"{have} {min(used, limit):,} {_WORDS[what]}, of {limit:,} that are possible. Wait for some of them.",
        quota=what,
        who=limits.who,
        used=used,
        limit=limit,
        room=max(0, limit - used),
        frees=None,
        # Of none at all nothing ever frees.
        **({"retry_after": _RETRY_SECONDS} if limit else {}),
    )


def _check_cpu(limits: _Limits, use: QuotaUse) -> None:
    if use.limit is None or use.used < use.limit:
        return
    frees = use.frees or now() + _DAY
    have = "You have" if limits.who == "you" else f"Together, {limits.who} has"
    raise QuotaUsedUp(
        f"{have} used {use.used / 3600:,.1f} of {use.limit / 3600:,.1f} hours of CPU time in 24 hours. "
        f"Some of it frees at {frees:%H:%M} UTC.",
        quota="cpu_seconds",
        who=limits.who,
        used=use.used,
        limit=use.limit,
        room=0,
        frees=frees.isoformat(),
        retry_after=max(1, round((frees - now()).total_seconds())),
    )
