"""Alembic's door: compares and upgrades with the tables of every feature."""

from __future__ import annotations

from typing import Literal

from alembic import context
from sqlalchemy import Connection

from openbeam_service.database.base import UtcDateTime
from openbeam_service.database.engine import make_engine
from openbeam_service.registry.search import TABLE as SEARCH
from openbeam_service.tables import metadata


def plain_types(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our own types as what they are in the database: a migration must not change when they do."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def guard_rows(connection: Connection) -> None:
    """Let SQLite change tables whole: it copies a table and drops the old one, which would delete all that cites it."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.rollback()  # the pragma holds; what comes is a transaction of its own


def check_rows(connection: Connection) -> None:
    """Refuse an upgrade after which something cites what is not there."""
    if connection.dialect.name == "sqlite" and (found := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
        raise RuntimeError(f"the migration leaves rows that cite nothing: {found[:5]}")


def known(name: str | None, kind: str, _parents: object) -> bool:
    """Leave out what the full-text index is kept in: each database has its own, and no model describes it."""
    return not (kind == "table" and name and name.startswith(SEARCH))


def run() -> None:
    """Upgrade over a connection of our own, so that SQLite's settings hold here too."""
    engine = make_engine(context.config.attributes["url"])
    try:
        with engine.connect() as connection:
            guard_rows(connection)
            context.configure(
                connection=connection,
                target_metadata=metadata,
                render_item=plain_types,
                include_name=known,
                render_as_batch=connection.dialect.name == "sqlite",
            )
            with context.begin_transaction():
                context.run_migrations()
                check_rows(connection)
    finally:
        engine.dispose()


run()
