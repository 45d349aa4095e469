"""The database: one declarative base, one session a request, migrations by Alembic."""

from openbeam_service.database.base import Base, UtcDateTime, new_id, now
from openbeam_service.database.engine import make_engine, make_sessions
from openbeam_service.database.locks import lock
from openbeam_service.database.session import Db, session
from openbeam_service.database.upgrade import upgrade

__all__ = ["Base", "Db", "UtcDateTime", "lock", "make_engine", "make_sessions", "new_id", "now", "session", "upgrade"]
