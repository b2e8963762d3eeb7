"""Schema migrations: one transaction from what is there to what this program needs, or nothing at all."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from avnz_int.db import engine, migrations, tables
from avnz_int.db.engine import Database
from avnz_int.errors import ConflictError, IntegrityError, NotMigratedError

SCRIPTS = Path(migrations.__file__).parent
_LOCK = 0x61766E7A  # "avnz": the first half of the advisory lock's key; the second is the schema's name


def head(scripts: Path = SCRIPTS) -> str:
    """The newest revision among the migration scripts."""
    return ScriptDirectory.from_config(_config(scripts)).get_current_head() or ""


def current(db: Database) -> str | None:
    """The revision the database is at; None where our migrations never ran.

    Raises:
        NotInitializedError: the SQLite file is not there.
        DatabaseUnavailableError: the database cannot be used now.
    """
    with db.raw() as connection:
        return engine.current_revision(connection, schema=_schema(db))


def upgrade(db: Database, *, to: str = "head", scripts: Path = SCRIPTS) -> tuple[str | None, str]:
    """The revisions before and after bringing the database up to date; equal where nothing was to do.

    All of it is one transaction under a lock: whoever comes second finds it done, and a process that dies
    leaves nothing.

    Args:
        db: where; with `create=True` an SQLite file that is missing is made.
        to: the revision to stop at.
        scripts: the folder of Alembic's `env.py` and `versions`.

    Raises:
        ConflictError: a table that our migrations did not make has the name of one of ours.
        NotMigratedError: the database is at a revision that this program does not know.
        IntegrityError: rows would be left that refer to rows that do not exist.
        DatabaseUnavailableError: the database cannot be used now.
    """
    with db.raw() as connection:
        # Nothing is touched, not even a lock taken, where this ends.
        with _one_moment(connection, db):
            before = _checked(connection, db, scripts)
        if to == "head" and before == head(scripts):
            return before, before
        with _transaction(connection, db):
            before = _checked(connection, db, scripts)
            run(connection, schema=_schema(db), to=to, scripts=scripts)
            after = engine.current_revision(connection, schema=_schema(db))
            if db.is_sqlite and after != before:
                _refuse_dangling(connection, db)
    return before, after or ""


def run(
    connection: Connection, *, schema: str | None = None, to: str = "head", scripts: Path = SCRIPTS
) -> None:
    """Migrate on a connection whose transaction is open; takes no lock and checks nothing."""
    config = _config(scripts)
    config.attributes["connection"] = connection
    config.attributes["schema"] = schema
    # Alembic says each step at INFO; whoever runs us with that level wants our words only.
    logger = logging.getLogger("alembic")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        command.upgrade(config, to)
    finally:
        logger.setLevel(level)


def _config(scripts: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _schema(db: Database) -> str | None:
    return None if db.is_sqlite else db.schema


def _checked(connection: Connection, db: Database, scripts: Path) -> str | None:
    """The database's revision, if this program may migrate it."""
    before = engine.current_revision(connection, schema=_schema(db))
    known = {script.revision for script in ScriptDirectory.from_config(_config(scripts)).walk_revisions()}
    if before is not None and before not in known:
        raise NotMigratedError(
            f"{db.shown} is at migration {before}, which this program does not know: it is newer",
            hint="upgrade avnz-int",
        )
    if before is None:
        foreign = sorted(set(tables.metadata.tables) & _present(connection, db))
        if foreign:
            where = "" if db.is_sqlite else f", schema {db.schema}"
            raise ConflictError(
                f"{db.shown}{where} has tables that avnz-int did not make: {', '.join(foreign)}",
                hint="use another database"
                if db.is_sqlite
                else "name another schema in AVNZ_INT_SCHEMA, or use another database",
                details={"tables": foreign},
            )
    return before


@contextlib.contextmanager
def _one_moment(connection: Connection, db: Database) -> Iterator[None]:
    """A transaction that only reads and sees one state: between two looks another process may migrate."""
    try:
        if db.is_sqlite:
            engine.begin_mode(connection, "BEGIN")
        with connection.begin():
            if not db.is_sqlite:
                connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    finally:
        engine.begin_mode(connection, None)


def _present(connection: Connection, db: Database) -> set[str]:
    """The names of all tables and views that are there."""
    if db.is_sqlite:
        return set(connection.scalars(text("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")))
    query = (
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = :schema)"
    )
    return set(connection.scalars(text(query), {"schema": db.schema}))


@contextlib.contextmanager
def _transaction(connection: Connection, db: Database) -> Iterator[None]:
    if not db.is_sqlite:
        with connection.begin():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {db.busy_timeout_ms}")
            _lock_schema(connection, db.schema)
            yield
        return
    _use_wal(connection, db.busy_timeout_ms / 1000)
    # A batch operation drops and copies tables: with foreign keys on, that would fail or cascade. The
    # pragma works only outside a transaction.
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.rollback()
    try:
        engine.begin_mode(connection, "BEGIN IMMEDIATE")
        with connection.begin():
            yield
    finally:
        engine.begin_mode(connection, None)
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.rollback()


def _lock_schema(connection: Connection, schema: str) -> None:
    connection.execute(
        text("SELECT pg_advisory_xact_lock(:ours, hashtext(:schema))"), {"ours": _LOCK, "schema": schema}
    )
    # IF NOT EXISTS would ask for the right to create schemas even where it is there.
    if not connection.scalar(text("SELECT 1 FROM pg_namespace WHERE nspname = :name"), {"name": schema}):
        connection.exec_driver_sql(f'CREATE SCHEMA "{schema}"')


def _use_wal(connection: Connection, patience_s: float) -> None:
    """Switch to the write-ahead log, which stays set in the file.

    SQLite does not wait for the lock that this takes, so two first migrations at once need this loop. A file
    system without shared memory keeps its journal; that is slower, not wrong.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        except OperationalError as exc:
            if "locked" not in str(exc.orig) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
        finally:
            connection.rollback()


def _refuse_dangling(connection: Connection, db: Database) -> None:
    broken = sorted({str(row[0]) for row in connection.exec_driver_sql("PRAGMA foreign_key_check")})
    if broken:
        raise IntegrityError(
            f"{db.shown} was not migrated: rows of {', '.join(broken)} refer to rows that do not exist",
            hint="run avnz-int db check, then mend those rows",
            details={"tables": broken},
        )
