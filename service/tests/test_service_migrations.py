"""Migrations give exactly the tables that the models describe."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from openbeam.errors import InvalidInput
from openbeam_service.database import make_engine, upgrade
from openbeam_service.database.upgrade import check_schema, migrations, revisions
from openbeam_service.registry import search
from openbeam_service.tables import metadata
from sqlalchemy import Connection, MetaData, Table, inspect, select, text


def test_migrations_and_models_agree(new_database: Callable[[Path], str], tmp_path: Path) -> None:
    url = new_database(tmp_path)
    upgrade(url)
    upgrade(url)
    engine = make_engine(url)
    made = {name for name in inspect(engine).get_table_names() if not name.startswith(search.TABLE)}
    engine.dispose()
    assert made == {*metadata.tables, "alembic_version"}
    command.check(migrations(url))


def test_only_a_database_of_this_schema_is_served(new_database: Callable[[Path], str], tmp_path: Path) -> None:
    engine = make_engine(new_database(tmp_path))
    older, newest = revisions()[1], revisions()[0]
    url = engine.url.render_as_string(hide_password=False)
    with pytest.raises(InvalidInput, match="has schema none"):
        check_schema(engine)
    upgrade(url, older)
    with pytest.raises(InvalidInput, match=f"has schema {older}.* needs {newest}.*upgrade"):
        check_schema(engine)
    upgrade(url)
    check_schema(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(InvalidInput, match="newer Openbeam"):
        check_schema(engine)
    engine.dispose()


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


def _add(connection: Connection, table: Table, **values: Any) -> None:
    """Insert a row; what is not given and must be there gets something of its type."""
    some = {str: "x", int: 0, float: 0.0, bool: False, datetime: datetime(2026, 1, 1, tzinfo=UTC), dict: {}, object: {}}
    needed = {column.name: some[column.type.python_type] for column in table.columns if not column.nullable}
    connection.execute(table.insert().values({**needed, **values}))


def test_an_upgrade_keeps_what_is_there_and_who_sees_it(new_database: Callable[[Path], str], tmp_path: Path) -> None:
    url = new_database(tmp_path)
    command.upgrade(migrations(url), "0002")
    engine = make_engine(url)
    old = MetaData()
    old.reflect(engine)
    with engine.begin() as connection:
        _add(connection, old.tables["users"], id="u", role="teacher")
        _add(connection, old.tables["oauth_clients"], id="e", owner_id="u")
        _add(connection, old.tables["endpoints"], id="e", owner_id="u", public=True)
        for name, public in (("seen", True), ("hidden", False)):
            _add(connection, old.tables["functions"], id=name, name=name, owner_id="u", public=public, kind="plain")
        enums = {"kind": "call", "state": "success"}
        _add(connection, old.tables["tasks"], id="t", user_id="u", function_id="seen", endpoint_id="e", **enums)
    engine.dispose()
    upgrade(url)
    engine = make_engine(url)
    tables = metadata.tables
    with engine.connect() as connection:
        functions = dict(connection.execute(select(tables["functions"].c.id, tables["functions"].c.visibility)).all())
        assert {name: seen.value for name, seen in functions.items()} == {"seen": "public", "hidden": "private"}
        assert connection.scalars(select(tables["endpoints"].c.visibility)).one().value == "public"
        assert connection.scalars(select(tables["tasks"].c.id)).all() == ["t"]
    engine.dispose()
