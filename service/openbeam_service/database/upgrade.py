"""Bring a database to the newest schema. Alembic is configured here, so no file outside the package is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from openbeam.errors import InvalidInput
from sqlalchemy import Connection, Engine

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["migrations", "pending", "revision", "revisions", "upgrade"]


def migrations(url: str) -> Config:
    """Return Alembic's configuration for a SQLAlchemy URL."""
    from alembic.config import Config  # only who upgrades needs it; the service starts sooner

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def upgrade(url: str, to: str = "head") -> None:
    """Apply every migration that the database has not seen yet."""
    from alembic import command

    command.upgrade(migrations(url), to)


def revisions() -> list[str]:
    """Return all schemas that this program knows, the newest first."""
    from alembic.script import ScriptDirectory

    return [script.revision for script in ScriptDirectory.from_config(migrations("")).walk_revisions()]


def revision(connection: Connection) -> str | None:
    """Return the schema that a database has; None when it has none."""
    from alembic.migration import MigrationContext

    return MigrationContext.configure(connection).get_current_revision()


def pending(engine: Engine) -> list[str]:
    """Return the migrations that a database has not seen yet.

    Raises
    ------
    InvalidInput
        When it is of a newer program.

    """
    known = revisions()
    with engine.connect() as connection:
        current = revision(connection)
    if current is None:
        return known
    if current not in known:
        raise InvalidInput(
            f"The database is of a newer Openbeam (schema {current}). Install that one.", revision=current
        )
    return known[: known.index(current)]
