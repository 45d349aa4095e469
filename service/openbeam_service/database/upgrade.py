"""Bring a database to the newest schema. Alembic is configured here, so no file outside the package is needed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from alembic.config import Config

__all__ = ["migrations", "upgrade"]


def migrations(url: str) -> Config:
    """Return Alembic's configuration for a SQLAlchemy URL."""
    from alembic.config import Config  # only who upgrades needs it; the service starts sooner

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def upgrade(url: str) -> None:
    """Apply every migration that the database has not seen yet."""
    from alembic import command

    command.upgrade(migrations(url), "head")
