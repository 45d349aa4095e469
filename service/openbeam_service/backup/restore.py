"""Make an installation again from a backup."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from openbeam.errors import Conflict, InvalidInput
from sqlalchemy import Engine, select

from openbeam_service.backup import tables
from openbeam_service.backup.archive import Manifest, Reader
from openbeam_service.backup.save import aside, save
from openbeam_service.database import make_engine, make_sessions, upgrade
from openbeam_service.database.upgrade import revisions
from openbeam_service.registry import search
from openbeam_service.settings import Settings
from openbeam_service.vault import make_folder

__all__ = ["restore"]

_KNOCK_SECONDS: Final = 1.0


def restore(settings: Settings, path: Path, *, force: bool = False) -> Manifest:
    """Put back what is in a backup. Nothing is touched before all of it has been checked.

    Raises
    ------
    InvalidInput
        When it is damaged, or its schema is newer than this program.
    Conflict
        When the service runs; or when there are rows in the database, without ``force``.

    """
    _check_stopped(settings)
    with Reader.open(path) as archive:
        if archive.manifest.revision not in revisions():
            raise InvalidInput(
                f"The backup is of a newer Openbeam ({archive.manifest.openbeam}). Install that one, then restore.",
                revision=archive.manifest.revision,
            )
        archive.verify()
        engine = make_engine(settings.database)
        try:
            _make_room(settings, engine, force=force)
            upgrade(settings.database, archive.manifest.revision)
            _load_tables(engine, archive)
        finally:
            engine.dispose()
        upgrade(settings.database)
        _index(settings)
        for folder in (settings.home.files, settings.home.keys):
            make_folder(folder)
            for name in archive.names(folder.name):
                archive.copy(name, folder / Path(name).name)
        return archive.manifest


def _index(settings: Settings) -> None:
    engine = make_engine(settings.database)
    try:
        with make_sessions(engine).begin() as db:
            search.catch_up(db)
    finally:
        engine.dispose()


def _check_stopped(settings: Settings) -> None:
    host, port = settings.address
    try:
        socket.create_connection((host, port), _KNOCK_SECONDS).close()
    except OSError:
        return
    raise Conflict(f"Something answers at {host}:{port}. Stop the service first.", host=host, port=port)


def _make_room(settings: Settings, engine: Engine, *, force: bool) -> None:
    """Leave an empty database; what was in it is in a backup of its own."""
    with engine.connect() as connection:
        known = tables.schema(connection).tables.values()
        used = [table.name for table in known if connection.execute(select(table).limit(1)).first()]
    if used:
        if not force:
            raise Conflict("The database is in use. To replace all that is in it: --force.", tables=used)
        save(settings, aside(settings, "restore"))
    tables.clear(engine)


def _load_tables(engine: Engine, archive: Reader) -> None:
    with tables.loading(engine) as (connection, schema):
        # Migrations may have put rows of their own there.
        for known in schema.tables.values():
            connection.execute(known.delete())
        for name in archive.names("tables"):
            table = schema.tables.get(Path(name).stem)
            if table is None:
                raise InvalidInput(f"The backup has a table {Path(name).stem} that its schema does not have.")
            with archive.stream(name) as lines:
                tables.load(connection, table, lines)
