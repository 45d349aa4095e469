"""Bring a database to the newest schema. Alembic is configured here, so no file outside the package is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import structlog
from openbeam.errors import InvalidInput
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import OperationalError

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["check_schema", "migrations", "pending", "revision", "revisions", "upgrade"]

_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_log = structlog.get_logger("openbeam.database")


def migrations(url: str) -> Config:
    """Return Alembic's configuration for a SQLAlchemy URL."""
    from alembic.config import Config  # only who upgrades needs it; the service starts sooner

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
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


def check_schema(engine: Engine) -> None:
    """Refuse to serve a database of another schema; one that does not answer may do so in a moment.

    Raises
    ------
    InvalidInput
        Saying what to run.

    """
    # Alembic itself is not asked: the service need not load it to start.
    newest = max(path.name.partition("_")[0] for path in _MIGRATIONS.glob("versions/[0-9]*.py"))
    try:
        with engine.connect() as connection:
            is_made = inspect(connection).has_table("alembic_version")
            current = connection.scalar(text("SELECT version_num FROM alembic_version")) if is_made else None
    except OperationalError as error:
        _log.warning("the database does not answer", problem=str(error.orig).strip())
        return
    if current is not None and current > newest:
        raise _newer(current)
    if current != newest:
        message = f"The database has schema {current or 'none'}, this program needs {newest}. "
        raise InvalidInput(f"{message}Run `openbeam-service upgrade`.", schema=current, needed=newest)


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
        raise _newer(current)
    return known[: known.index(current)]


def _newer(schema: str) -> InvalidInput:
    return InvalidInput(f"The database is of a newer Openbeam (schema {schema}). Install that one.", schema=schema)
