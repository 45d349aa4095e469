"""Backups are careful: nothing is overwritten, nothing damaged is put back, and nothing is ever half there."""

from __future__ import annotations

import json
import stat
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from openbeam.errors import Conflict, InvalidInput
from openbeam.home import Home
from openbeam.models import Role
from openbeam_service.backup.restore import restore
from openbeam_service.backup.save import save
from openbeam_service.database import upgrade
from openbeam_service.database.upgrade import revisions
from openbeam_service.identity import store
from openbeam_service.provision import initialise, opened, upgraded
from openbeam_service.settings import Settings
from openbeam_service.tables import metadata
from sqlalchemy import text

pytestmark = pytest.mark.one_database


def _settings(running: Settings, folder: Path) -> Settings:
    """Return the settings of an installation that has nothing yet; nothing listens where it would."""
    changes = {"home": Home(folder), "database": f"sqlite:///{folder}/openbeam.sqlite", "bind": "127.0.0.1:1"}
    return running.model_copy(update=changes)


@pytest.fixture
def empty(service: Any, tmp_path: Path) -> Settings:
    return _settings(service.settings, tmp_path / "empty")


@pytest.fixture
def used(empty: Settings) -> Settings:
    """Return an installation with a user of its own."""
    initialise(empty)
    with opened(empty) as db:
        store.add_user(db, "only-here", Role.student)
    return empty


@pytest.fixture(scope="module")
def saved(service: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a backup with keys and an uploaded file, taken while the service runs."""
    assert service.http.post("/api/v1/files", content=b"some bytes").status_code == 201
    archive = tmp_path_factory.mktemp("backup") / "saved.zip"
    save(service.settings, archive, with_keys=True)
    return archive


def _users(settings: Settings) -> set[str]:
    with opened(settings) as db:
        return {user.name for user in store.users(db)}


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith(".")}


def test_keys_and_files_come_back_when_they_were_saved(service: Any, saved: Path, empty: Settings) -> None:
    restore(empty, saved)
    for folder in ("keys", "files"):
        old, new = service.home.root / folder, empty.home.root / folder
        assert _files(new) == _files(old)
        assert {stat.S_IMODE(path.stat().st_mode) for path in new.iterdir()} == {0o600}


def test_what_is_there_is_replaced_only_by_force_and_is_kept(saved: Path, used: Settings) -> None:
    with pytest.raises(Conflict, match="--force"):
        restore(used, saved)
    restore(used, saved, force=True)
    assert "only-here" not in _users(used)
    (kept,) = (used.home.root / "backups").iterdir()
    restore(used, kept, force=True)
    assert _users(used) == {"operator", "only-here"}


def test_every_table_is_saved(used: Settings, tmp_path: Path) -> None:
    assert save(used, tmp_path / "b.zip").rows.keys() == metadata.tables.keys()


def test_nothing_is_restored_under_a_service_that_runs(service: Any, saved: Path) -> None:
    with pytest.raises(Conflict, match="Stop the service first"):
        restore(service.settings, saved, force=True)


def _changed(archive: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return target


def _newer(name: str, content: bytes) -> bytes:
    return json.dumps({**json.loads(content), "revision": "9999"}).encode() if name == "manifest.json" else content


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda name, content: content.replace(b"operator", b"0perator") if "users" in name else content,
            "has changed",
        ),
        (lambda name, content: None if name.startswith("files/") else content, "is missing"),
        (lambda name, content: None if name == "manifest.json" else content, "no list"),
        (_newer, "newer Openbeam"),
    ],
)
def test_a_damaged_or_newer_backup_touches_nothing(
    saved: Path, used: Settings, tmp_path: Path, change: Callable[[str, bytes], bytes | None], said: str
) -> None:
    before = _files(used.home.keys)
    with pytest.raises(InvalidInput, match=said):
        restore(used, _changed(saved, tmp_path / "broken.zip", change), force=True)
    assert _users(used) == {"operator", "only-here"}
    assert _files(used.home.keys) == before


def test_a_backup_never_overwrites_and_is_never_half(
    service: Any, saved: Path, empty: Settings, tmp_path: Path
) -> None:
    content = saved.read_bytes()
    with pytest.raises(InvalidInput, match="is there already"):
        save(service.settings, saved)
    with pytest.raises(InvalidInput, match="init"):
        save(empty, saved.with_name("of-nothing.zip"))
    assert saved.read_bytes() == content
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]
    (not_a_backup := tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(InvalidInput, match="is not a backup"):
        restore(empty, not_a_backup)


def test_a_file_that_is_gone_is_named(used: Settings, tmp_path: Path) -> None:
    with opened(used) as db:
        owner = store.the_user(db, "only-here").id
        row = "INSERT INTO stored_files VALUES (:key, :owner, 1, 'adler32:00000001', '2026-01-01 00:00:00.000000')"
        db.execute(text(row), {"key": "a" * 64, "owner": owner})
    assert save(used, tmp_path / "b.zip").missing == ["a" * 64]


def test_an_older_schema_is_saved_and_brought_up_to_date(empty: Settings, tmp_path: Path) -> None:
    old, new = revisions()[-2], revisions()[0]
    upgrade(empty.database, old)
    row = (
        "INSERT INTO users (id, name, role, active, created)"
        " VALUES ('u1', 'ada', 'student', true, '2026-01-01 00:00:00.000000')"
    )
    with opened(empty) as db:
        db.execute(text(row))
    kept, steps = upgraded(empty)
    assert kept is not None
    assert steps == revisions()[: revisions().index(old)]
    assert json.loads(zipfile.ZipFile(kept).read("manifest.json"))["revision"] == old
    assert upgraded(empty) == (None, [])
    again = _settings(empty, tmp_path / "again")
    restore(again, kept)
    assert _users(again) == {"ada"}
    with opened(again) as db:
        assert db.scalar(text("SELECT version_num FROM alembic_version")) == new
