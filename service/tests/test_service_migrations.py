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


def test_rows_survive_every_step(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'fresh.sqlite'}"
    command.upgrade(migrations(url), "0002")
    engine = make_engine(url)
    with engine.begin() as old:
        old.exec_driver_sql("INSERT INTO users VALUES ('u', 'ada', 'teacher', NULL, 1, '2026-01-01')")
        old.exec_driver_sql("INSERT INTO classes VALUES ('c', 'u', '9b', '', NULL, NULL, '2026-01-01')")
        old.exec_driver_sql("INSERT INTO members VALUES ('c', 'u', 'ada', 'teacher', '2026-01-01')")
    rows = "SELECT users.name, classes.name, members.name FROM members JOIN users ON user_id = users.id JOIN classes"
    for revision in ("head", "0002", "head"):
        (command.downgrade if revision == "0002" else command.upgrade)(migrations(url), revision)
        with engine.connect() as now:
            assert now.exec_driver_sql(rows).all() == [("ada", "9b", "ada")]
    engine.dispose()
