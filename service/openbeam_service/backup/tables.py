"""Rows of all tables as lines of JSON, the same for every database.

Tables are taken as the database has them, not as this program would make them: so an archive of an older schema can be
put back as it was, and brought up to date afterwards.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from openbeam.errors import InvalidInput
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Engine,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    func,
    insert,
    select,
    text,
)

from openbeam_service.database.base import UtcDateTime
from openbeam_service.registry import search

__all__ = ["clear", "dump", "load", "loading", "schema", "snapshot"]

_AT_ONCE: Final = 500
_MADE: Final = re.compile(rf"(alembic_version|{search.TABLE})(_|$)")
_READ: Final[dict[type, Callable[[Any], Any]]] = {UtcDateTime: datetime.fromisoformat, LargeBinary: base64.b64decode}
"""How a column's values come back from JSON; all others are there already."""


def schema(connection: Connection) -> MetaData:
    """Return the tables that hold what people made: not Alembic's, nor the search index, which is made from others."""
    found = MetaData()
    found.reflect(connection, only=lambda name, _: not _MADE.match(name))
    for table in found.tables.values():
        for column in table.columns:
            if isinstance(column.type, DateTime):
                column.type = UtcDateTime()
            elif isinstance(column.type, JSON):
                column.type = JSON(none_as_null=True)
    return found


def clear(engine: Engine) -> None:
    """Drop every table."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
            # A virtual table takes its own tables with it; they cannot be dropped one by one.
            virtual = text("SELECT name FROM sqlite_master WHERE sql LIKE 'CREATE VIRTUAL TABLE%'")
            for name in connection.scalars(virtual).all():
                connection.exec_driver_sql(f'DROP TABLE "{name}"')
        everything = MetaData()
        everything.reflect(connection)
        everything.drop_all(connection)
        connection.commit()
        connection.invalidate()


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Yield a connection to which all is as it was at one moment, whatever others write meanwhile."""
    with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN")
            yield connection
        else:
            yield connection.execution_options(isolation_level="REPEATABLE READ")


@contextmanager
def loading(engine: Engine) -> Iterator[tuple[Connection, MetaData]]:
    """Yield a transaction in which rows may come in any order; references are checked at its end."""
    with engine.begin() as connection:
        tables = schema(connection)
        if connection.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            connection.exec_driver_sql("PRAGMA defer_foreign_keys=ON")
            yield connection, tables
            return
        _alter_references(connection, tables, "DEFERRABLE INITIALLY DEFERRED")
        yield connection, tables
        connection.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        _alter_references(connection, tables, "NOT DEFERRABLE")
        for table in tables.tables.values():
            _count_on(connection, table)


def _alter_references(connection: Connection, tables: MetaData, how: str) -> None:
    quote = connection.dialect.identifier_preparer.quote
    for table in tables.tables.values():
        for constraint in table.foreign_key_constraints:
            name = quote(str(constraint.name))
            connection.execute(text(f"ALTER TABLE {quote(table.name)} ALTER CONSTRAINT {name} {how}"))


def _count_on(connection: Connection, table: Table) -> None:
    """Let PostgreSQL count ids on from the last one that came."""
    for column in table.primary_key.columns:
        if isinstance(column.type, Integer):
            sequence = connection.scalar(select(func.pg_get_serial_sequence(table.name, column.name)))
            if sequence:
                last = connection.scalar(select(func.max(column))) or 0
                connection.execute(select(func.setval(sequence, last + 1, False)))


def _written(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value


def dump(connection: Connection, table: Table) -> Iterator[bytes]:
    """Return a line with the columns' names, then a line a row."""
    yield _line([column.name for column in table.columns])
    for row in connection.execution_options(yield_per=_AT_ONCE).execute(select(table)):
        yield _line([_written(value) for value in row])


def _line(values: list[Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def load(connection: Connection, table: Table, lines: Iterable[bytes]) -> None:
    """Put the lines of ``dump`` into a table.

    Raises
    ------
    InvalidInput
        When the table has other columns.

    """
    rows = map(json.loads, lines)
    names = next(rows)
    if set(names) != set(table.columns.keys()):
        raise InvalidInput(f"The backup's table {table.name} has other columns than its schema says.", table=table.name)
    read = {name: _READ.get(type(table.columns[name].type)) for name in names}
    while batch := list(islice(rows, _AT_ONCE)):
        values = [
            {
                name: made(value) if (made := read[name]) and value is not None else value
                for name, value in zip(names, row, strict=True)
            }
            for row in batch
        ]
        connection.execute(insert(table), values)
