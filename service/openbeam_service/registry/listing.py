"""Lists of functions: searched, filtered, ranked, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence

from openbeam.models import FunctionPage, FunctionQuery
from sqlalchemy import ColumnElement, Select, Text, func, literal, or_, select
from sqlalchemy.orm import InstrumentedAttribute, Session, selectinload

from openbeam_service.access import visible_classes, visible_functions
from openbeam_service.classes.models import ClassRow
from openbeam_service.identity.models import UserRow
from openbeam_service.identity.principal import Principal
from openbeam_service.registry import search
from openbeam_service.registry.models import FunctionRow, FunctionShareRow

__all__ = ["list_functions", "list_versions"]


def list_functions(db: Session, caller: Principal, asked: FunctionQuery) -> Sequence[FunctionRow]:
    """Return the latest version that the caller may see of every function that fits: best first, else by name."""
    newest = FunctionRow.version.desc()
    rank = func.row_number().over(partition_by=(FunctionRow.owner_id, FunctionRow.name), order_by=newest)
    visible = select(FunctionRow.id, rank.label("rank")).where(visible_functions(caller))
    latest = visible.cte("latest").prefix_with("MATERIALIZED")
    query = select(FunctionRow).join(latest, latest.c.id == FunctionRow.id).where(latest.c.rank == 1)
    order: list[ColumnElement[object]] = []
    if asked.search.strip():
        found = search.matches(db, asked.search)
        if found is None:
            return []
        query = query.join(found, found.c.function_id == FunctionRow.id)
        order = [found.c.rank.desc()]
    query = query.where(*_filters(caller, asked))
    return db.scalars(_paged(query.order_by(*order, FunctionRow.name, FunctionRow.created), asked)).all()


def list_versions(db: Session, caller: Principal, row: FunctionRow, page: FunctionPage) -> Sequence[FunctionRow]:
    """Return all versions of a function that the caller may see, newest first."""
    same = (FunctionRow.owner_id == row.owner_id, FunctionRow.name == row.name)
    query = select(FunctionRow).where(visible_functions(caller), *same)
    return db.scalars(_paged(query.order_by(FunctionRow.version.desc()), page)).all()


def _paged(query: Select[FunctionRow], page: FunctionPage) -> Select[FunctionRow]:
    return query.options(selectinload(FunctionRow.classes)).limit(page.limit).offset(page.offset)


def _filters(caller: Principal, asked: FunctionQuery) -> list[ColumnElement[bool]]:
    is_old = FunctionRow.deprecated.is_not(None)
    wanted = [
        (asked.kind, FunctionRow.kind == asked.kind),
        (asked.tag, _lists(FunctionRow.tags, asked.tag)),
        (asked.dataset, _lists(FunctionRow.datasets, asked.dataset)),
        (asked.owner, FunctionRow.owner.has(UserRow.name == asked.owner)),
        (asked.environment, FunctionRow.environment == asked.environment),
        (asked.class_, _shared_with(caller, asked.class_)),
        (asked.deprecated, is_old if asked.deprecated else ~is_old),
    ]
    return [condition for value, condition in wanted if value is not None]


def _lists(column: InstrumentedAttribute[list[str]], name: str | None) -> ColumnElement[bool]:
    # Names have no quotes and nothing that JSON escapes, so that one between quotes is that name.
    is_in: ColumnElement[bool] = column.cast(Text).contains(f'"{name}"', autoescape=True)
    return is_in


def _shared_with(caller: Principal, ref: str | None) -> ColumnElement[bool]:
    named = select(ClassRow.id).where(visible_classes(caller), or_(ClassRow.id == ref, ClassRow.name == literal(ref)))
    return FunctionRow.id.in_(select(FunctionShareRow.function_id).where(FunctionShareRow.class_id.in_(named)))
