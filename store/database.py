"""One engine, two databases: SQLite on one machine, PostgreSQL where there are several.

Synchronous. The engine is made after a fork, never before (connections do not survive it).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Dialect, Engine
from sqlalchemy.exc import ArgumentError

SQLITE_BUSY_MILLISECONDS = 5000
_CONNECT_SECONDS = 5
_WRITES = "taperguard_writes"


class UnusableDatabaseUrl(ValueError):
    """A database address that cannot be used. The sentence never holds its password."""


class UtcDateTime(sa.types.TypeDecorator[datetime]):
    """An instant in UTC. A datetime without a time zone is refused, not guessed."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The instant as the database keeps it (SQLite keeps no zone: UTC by agreement)."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002  SQLAlchemy's signature
        """The instant in UTC, whatever zone the session of the database speaks in."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def make_engine(url: str) -> Engine:
    """An engine for a SQLite or PostgreSQL address. Raises UnusableDatabaseUrl.

    Statement parameters never reach an error message: they may hold patient data.
    """
    try:
        address = sa.make_url(url)
    except (ArgumentError, ValueError):
        raise UnusableDatabaseUrl("the database address cannot be read") from None
    if address.drivername in ("postgres", "postgresql"):
        address = address.set(drivername="postgresql+psycopg")
    if address.drivername == "postgresql+psycopg":
        return sa.create_engine(
            address,
            hide_parameters=True,
            pool_pre_ping=True,
            pool_timeout=_CONNECT_SECONDS,
            connect_args={"connect_timeout": _CONNECT_SECONDS},
        )
    if address.drivername in ("sqlite", "sqlite+pysqlite"):
        if address.database in (None, "", ":memory:"):
            raise UnusableDatabaseUrl("SQLite needs a file: a database in memory keeps nothing")
        engine = sa.create_engine(address, hide_parameters=True, pool_timeout=_CONNECT_SECONDS)
        sa.event.listen(engine, "connect", _prepare_sqlite)
        sa.event.listen(engine, "begin", _begin_sqlite)
        return engine
    raise UnusableDatabaseUrl("the database has to be SQLite or PostgreSQL")


def _prepare_sqlite(connection: Any, _record: object) -> None:
    # We begin transactions ourselves: the driver would not put DDL or reads into one.
    connection.isolation_level = None
    cursor = connection.cursor()
    try:
        cursor.execute(f"PRAGMA busy_timeout = {SQLITE_BUSY_MILLISECONDS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
    finally:
        cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later fails at once when another wrote in
    # between, whatever the busy timeout: writers take their place in the queue at the start.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A transaction that only reads."""
    with engine.connect() as connection, connection.begin():
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes: all of it is kept, or nothing."""
    with engine.connect() as connection:
        connection.execution_options(**{_WRITES: True})
        with connection.begin():
            yield connection
