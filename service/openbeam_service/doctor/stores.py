"""The database and the queue's server: reachable, of the right schema, lasting, and of one time with this machine."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from redis import Redis, RedisError
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from openbeam_service.audit.models import AuditRow
from openbeam_service.database import make_engine, make_sessions, now
from openbeam_service.database.upgrade import pending
from openbeam_service.doctor.findings import Finding, bad, ok, warn
from openbeam_service.endpoints.models import EndpointRow
from openbeam_service.endpoints.store import ONLINE_FOR
from openbeam_service.identity.store import has_admin_with_password
from openbeam_service.settings import Settings

__all__ = ["check_database", "check_queue"]

_APART: Final = timedelta(seconds=5)
_BACKUP_AFTER: Final = timedelta(days=7)


def check_database(settings: Settings) -> Iterator[Finding]:
    """Look at the database, and at what only it knows."""
    engine = make_engine(settings.database)
    try:
        started = time.perf_counter()
        steps = pending(engine)
        took = (time.perf_counter() - started) * 1000
        if steps:
            yield bad("database", f"{len(steps)} steps behind this program", "Run `openbeam-service upgrade`.")
            return
        yield ok("database", f"{engine.dialect.name}, up to date, {took:.0f} ms")
        with make_sessions(engine)() as db:
            yield from _clock_of_database(db, engine)
            yield _admin(db)
            yield _endpoints(db)
            yield _backup(db)
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or error).strip().splitlines()[0]
        yield bad("database", said, "Look at OPENBEAM_DATABASE; is the server up?")
    finally:
        engine.dispose()


def _clock_of_database(db: Session, engine: Engine) -> Iterator[Finding]:
    if engine.dialect.name != "sqlite":
        yield _clock("database", db.scalars(select(func.now())).one())


def _clock(whose: str, theirs: datetime) -> Finding:
    apart = abs(now() - theirs)
    if apart > _APART:
        said = f"the {whose}'s is {apart.total_seconds():.0f} s off this machine's"
        return bad("clock", said, "Let both machines follow a time server: leases and tokens go by the clock.")
    return ok("clock", f"the {whose}'s agrees with this machine's")


def _admin(db: Session) -> Finding:
    if has_admin_with_password(db):
        return ok("administrator", "somebody can sign in")
    return warn("administrator", "nobody can sign in as one", "Open the link of `openbeam-service setup-link`.")


def _endpoints(db: Session) -> Finding:
    there = db.scalar(select(func.count()).select_from(EndpointRow)) or 0
    names = db.scalars(select(EndpointRow.name).where(EndpointRow.last_seen >= now() - ONLINE_FOR)).all()
    said = f"{len(names)} of {there} online"
    return ok("endpoints", said) if names else warn("endpoints", said, "Start one: `openbeam-endpoint start NAME`.")


def _backup(db: Session) -> Finding:
    last = db.scalar(select(func.max(AuditRow.at)).where(AuditRow.action == "service.backup"))
    if last is not None and now() - last < _BACKUP_AFTER:
        return ok("backup", f"the last one is of {last:%Y-%m-%d}")
    said = "there has been none" if last is None else f"the last one is of {last:%Y-%m-%d}"
    return warn("backup", said, "Run `openbeam-service backup FILE` regularly.")


def check_queue(settings: Settings) -> Iterator[Finding]:
    """Look at the queue's server."""
    try:
        with closing(Redis.from_url(settings.valkey, socket_timeout=3, socket_connect_timeout=3)) as queue:
            started = time.perf_counter()
            queue.ping()
            yield ok("queue", f"answers after {(time.perf_counter() - started) * 1000:.0f} ms")
            yield _persistence(queue.info())
            seconds, micros = queue.time()
            yield _clock("queue", datetime.fromtimestamp(seconds + micros / 1e6, UTC))
    except (RedisError, OSError) as error:
        yield bad("queue", str(error), "Start it: `openbeam-service valkey`; look at OPENBEAM_VALKEY.")


def _persistence(info: dict[str, Any]) -> Finding:
    policy = info.get("maxmemory_policy")
    if policy not in (None, "noeviction"):
        return bad("queue", f"it may forget tasks when memory is short ({policy})", "Set maxmemory-policy noeviction.")
    if not info.get("aof_enabled"):
        return warn("queue", "it forgets everything when it stops", "Set appendonly yes.")
    if info.get("aof_last_write_status") != "ok":
        return bad("queue", "it cannot write to its disk", "Look at its log, and at the room on its disk.")
    return ok("queue", "keeps what it has on disk")
