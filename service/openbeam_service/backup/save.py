"""Take a backup, also while the service runs."""

from __future__ import annotations

from pathlib import Path

from openbeam import __version__
from openbeam.errors import InvalidInput
from openbeam.home import Home
from sqlalchemy import Connection, select

from openbeam_service.backup import tables
from openbeam_service.backup.archive import Manifest, Writer
from openbeam_service.database import make_engine, now
from openbeam_service.database.upgrade import revision
from openbeam_service.settings import Settings
from openbeam_service.vault import make_folder

__all__ = ["aside", "save"]


def aside(settings: Settings, why: str) -> Path:
    """Return the path for a backup that is taken because something is about to change."""
    folder = settings.home.root / "backups"
    make_folder(folder)
    return folder / f"{now():%Y%m%dT%H%M%S.%f}-before-{why}.zip"


def save(settings: Settings, path: Path, *, with_files: bool = True, with_keys: bool = False) -> Manifest:
    """Write a backup to ``path``. All tables are of one moment; files never change once they have their name.

    Raises
    ------
    InvalidInput
        When there is something at ``path``, or the database has no tables yet.

    """
    engine = make_engine(settings.database)
    try:
        with tables.snapshot(engine) as connection, Writer.create(path) as archive:
            schema = revision(connection)
            if schema is None:
                raise InvalidInput("The database is empty. Run `openbeam-service init` first.")
            rows = _save_tables(connection, archive)
            missing = _save_files(connection, settings.home, archive) if with_files else []
            if with_keys:
                for key in sorted(path for path in settings.home.keys.iterdir() if path.is_file()):
                    archive.copy(f"keys/{key.name}", key)
            made = Manifest(openbeam=__version__, created=now(), revision=schema, rows=rows, missing=missing)
            return archive.end(made)
    finally:
        engine.dispose()


def _save_tables(connection: Connection, archive: Writer) -> dict[str, int]:
    rows = {}
    for name, table in sorted(tables.schema(connection).tables.items()):
        with archive.member(f"tables/{name}.jsonl") as sink:
            rows[name] = -1  # the first line is no row
            for line in tables.dump(connection, table):
                sink.write(line)
                rows[name] += 1
    return rows


def _save_files(connection: Connection, home: Home, archive: Writer) -> list[str]:
    """Add every file that a row speaks of; return those that are not there."""
    stored = tables.schema(connection).tables["stored_files"]
    missing = []
    for key in connection.scalars(select(stored.c.key).distinct().order_by(stored.c.key)).all():
        try:
            archive.copy(f"files/{key}", home.files / key)
        except FileNotFoundError:
            missing.append(key)
    return missing
