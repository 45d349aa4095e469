"""The database: moments keep their zone, writers wait for each other, sessions commit or leave no trace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st
from openbeam.errors import Conflict
from openbeam.models import Role
from openbeam_service.database import Base, Db, UtcDateTime, make_engine, make_sessions, new_id
from openbeam_service.identity import store
from openbeam_service.identity.models import PersonalTokenRow, UserRow
from sqlalchemy import Engine, create_engine, func, select, text
from sqlalchemy.exc import IntegrityError

_HALF_HOURS = st.integers(-28, 28).map(lambda count: timezone(timedelta(minutes=30 * count)))


@pytest.fixture
def engine(new_database: Callable[[Path], str], tmp_path: Path) -> Iterator[Engine]:
    made = make_engine(new_database(tmp_path / "deep"))
    Base.metadata.create_all(made)
    yield made
    made.dispose()


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@settings(deadline=None)
@given(st.datetimes(timezones=_HALF_HOURS).filter(lambda moment: 1970 <= moment.year <= 2100))
def test_a_moment_comes_back_as_the_same_moment_in_utc(moment: datetime) -> None:
    kind, dialect = UtcDateTime(), create_engine("sqlite://").dialect
    stored = kind.process_bind_param(moment, dialect)
    assert stored is not None
    back = kind.process_result_value(stored.replace(tzinfo=None), dialect)
    assert back == moment
    assert back is not None
    assert back.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), create_engine("sqlite://").dialect)  # noqa: DTZ001


def test_sqlite_is_set_up_for_many_threads(tmp_path: Path) -> None:
    engine = make_engine(f"sqlite:///{tmp_path / 'test.sqlite'}")
    with engine.connect() as connection:
        values = {name: connection.scalar(text(f"PRAGMA {name}")) for name in ("journal_mode", "foreign_keys")}
    engine.dispose()
    assert values == {"journal_mode": "wal", "foreign_keys": 1}


def test_a_reference_to_nobody_is_refused(engine: Engine) -> None:
    with pytest.raises(IntegrityError), make_sessions(engine).begin() as db:
        db.add(PersonalTokenRow(id="t", user_id=new_id(), secret_hash="", scopes=[], expires=datetime.now(UTC)))


def test_threads_that_read_and_then_write_wait_for_each_other(engine: Engine) -> None:
    sessions, problems = make_sessions(engine), []

    def add(number: int) -> None:
        try:
            for turn in range(5):
                with sessions.begin() as db:
                    db.scalar(select(func.count()).select_from(UserRow))
                    store.add_user(db, f"user-{number}-{turn}", Role.student)
        except Exception as error:  # noqa: BLE001  whatever it is, the test shows it
            problems.append(error)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    with sessions() as db:
        assert db.scalar(select(func.count()).select_from(UserRow)) == 40


def test_a_name_is_taken_once(engine: Engine) -> None:
    sessions = make_sessions(engine)
    with sessions.begin() as db:
        store.add_user(db, "ada", Role.student)
    with pytest.raises(Conflict, match="taken"), sessions.begin() as db:
        store.add_user(db, "ada", Role.admin)


@pytest.mark.anyio
async def test_a_request_commits_before_it_answers_and_leaves_no_trace_when_it_raises(engine: Engine) -> None:
    app = FastAPI()
    app.state.sessions = make_sessions(engine)

    @app.post("/{name}")
    def add(name: str, db: Db, *, fail: bool = False) -> None:
        store.add_user(db, name, Role.student)
        if fail:
            raise RuntimeError

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        assert (await client.post("/stays")).status_code == 200
        assert (await client.post("/goes?fail=true")).status_code == 500
    with app.state.sessions() as db:
        assert [user.name for user in store.users(db)] == ["stays"]
