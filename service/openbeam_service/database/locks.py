"""Locks of SQLite as a whole; on PostgreSQL rows are locked one by one, with ``with_for_update``."""

from __future__ import annotations

from sqlalchemy.orm import Session

__all__ = ["lock"]


def lock(db: Session) -> None:
    """Begin a transaction that will write: what it reads from now on nobody changes before it ends.

    SQLite locks all of the database, unless this transaction has done so; elsewhere rows are locked one by one.
    """
    if db.get_bind().dialect.name != "sqlite":
        return
    connection = db.connection()
    driver = connection.connection.dbapi_connection
    if driver is None or not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
