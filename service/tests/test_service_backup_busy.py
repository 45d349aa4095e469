"""A backup is of one moment, while people go on."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from openbeam.home import Home
from openbeam.models import Role
from openbeam_service.backup.restore import restore
from openbeam_service.backup.save import save
from openbeam_service.database import make_engine, make_sessions, upgrade
from openbeam_service.identity import store, tokens
from openbeam_service.identity.models import PersonalTokenRow, UserRow
from openbeam_service.settings import Settings
from sqlalchemy import func, select

WRITERS = 3


@pytest.fixture
def settings(new_database: Callable[[Path], str], tmp_path: Path) -> Settings:
    home = tmp_path / "home"
    home.mkdir()
    made = Settings(home=Home(home), database=new_database(home), bind="127.0.0.1:1")
    upgrade(made.database)
    return made


def test_a_backup_is_of_one_moment_while_people_go_on(settings: Settings, tmp_path: Path) -> None:
    engine = make_engine(settings.database)
    sessions, enough, problems = make_sessions(engine), threading.Event(), []

    def write(number: int) -> None:
        turn = 0
        try:
            while not enough.is_set():
                with sessions.begin() as db:  # a person and their token come together, or not at all
                    tokens.make(db, store.add_user(db, f"user-{number}-{turn}", Role.student), days=1)
                turn += 1
        except Exception as error:  # noqa: BLE001  whatever it is, the test shows it
            problems.append(error)

    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        saved = [save(settings, tmp_path / f"{number}.zip") for number in range(4)]
    finally:
        enough.set()
        for writer in writers:
            writer.join()
        engine.dispose()
    assert problems == []
    assert saved[-1].rows["users"] > saved[0].rows["users"]
    assert [one.rows["users"] for one in saved] == [one.rows["personal_tokens"] for one in saved]
    other = settings.model_copy(update={"database": f"sqlite:///{tmp_path}/other.sqlite"})
    restore(other, tmp_path / "3.zip")
    restored = make_engine(other.database)
    with make_sessions(restored)() as db:
        people = db.scalar(select(func.count()).select_from(UserRow))
        assert people == db.scalar(select(func.count()).select_from(PersonalTokenRow)) == saved[3].rows["users"]
    restored.dispose()
