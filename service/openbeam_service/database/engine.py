"""Engines: SQLite and PostgreSQL, each set up for one process with many threads."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.orm import Session, sessionmaker

__all__ = ["make_engine", "make_sessions"]

# Each of up to sixty connections has a page cache of its own (SQLite's default: 2 MiB), which fills as the file grows.
# A quarter of one keeps the hot pages; the system's cache, shared by all, has the rest. The connection
# used last is taken first, so that a quiet service works with few of them.
_PRAGMAS = ("journal_mode=WAL", "foreign_keys=ON", "busy_timeout=10000", "synchronous=NORMAL", "cache_size=-512")


# As many at once as there are threads that serve requests, but few for good: several copies of the service share one
# server's connections. A server that is away is noticed in seconds, not when TCP gives up.
_POSTGRESQL: Final[dict[str, Any]] = {
    "pool_size": 10,
    "max_overflow": 40,
    "pool_timeout": 10,
    "pool_pre_ping": True,
    "connect_args": {"connect_timeout": 5, "application_name": "openbeam"},
}


def _set_pragmas(connection: Any, _record: Any) -> None:
    cursor = connection.cursor()
    for pragma in _PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def make_engine(url: str) -> Engine:
    """Return an engine for a SQLAlchemy URL. A SQLite file's folder is made when it is missing."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_engine(parsed, **_POSTGRESQL)
    if parsed.database and parsed.database != ":memory:":
        Path(parsed.database).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # The driver opens a transaction at the first write, not at the first read: a reader that goes on to write
    # waits for its turn (busy_timeout) and never meets a stale snapshot, which no waiting would mend.
    engine = create_engine(parsed, pool_size=20, max_overflow=40, pool_use_lifo=True)
    event.listen(engine, "connect", _set_pragmas)
    return engine


def make_sessions(engine: Engine) -> sessionmaker[Session]:
    """Return the maker of sessions; objects stay readable after their session has committed."""
    return sessionmaker(engine, expire_on_commit=False)
