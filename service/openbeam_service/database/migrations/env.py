"""Alembic's door: compares and upgrades with the tables of every feature."""

from __future__ import annotations

from typing import Literal

from alembic import context

from openbeam_service.database.base import UtcDateTime
from openbeam_service.database.engine import make_engine
from openbeam_service.tables import metadata


def plain_types(kind: str, item: object, _context: object) -> str | Literal[False]:
    """Write our own types as what they are in the database: a migration must not change when they do."""
    return "sa.DateTime(timezone=True)" if kind == "type" and isinstance(item, UtcDateTime) else False


def run() -> None:
    """Upgrade over a connection of our own, so that SQLite's settings hold here too."""
    engine = make_engine(context.config.attributes["url"])
    try:
        with engine.connect() as connection:
            context.configure(
                connection=connection,
                target_metadata=metadata,
                render_item=plain_types,
                render_as_batch=connection.dialect.name == "sqlite",
            )
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()


run()
