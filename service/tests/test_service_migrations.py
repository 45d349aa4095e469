"""Migrations give exactly the tables that the models describe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alembic import command
from openbeam_service.database import make_engine, upgrade
from openbeam_service.database.upgrade import migrations
from openbeam_service.tables import metadata
from sqlalchemy import inspect


def test_migrations_and_models_agree(new_database: Callable[[Path], str], tmp_path: Path) -> None:
    url = new_database(tmp_path)
    upgrade(url)
    upgrade(url)
    engine = make_engine(url)
    made = set(inspect(engine).get_table_names())
    engine.dispose()
    assert made == {*metadata.tables, "alembic_version"}
    command.check(migrations(url))


def test_every_step_can_be_taken_back(new_database: Callable[[Path], str], tmp_path: Path) -> None:
    url = new_database(tmp_path)
    upgrade(url)
    command.downgrade(migrations(url), "base")
    upgrade(url)
    command.check(migrations(url))
