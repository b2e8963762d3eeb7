"""One database: connections, transactions, and its failures in our words.

A transaction that writes takes its lock at once (`BEGIN IMMEDIATE` on SQLite): a deferred one that upgrades
later loses to any other writer without waiting.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from avnz_int.db import migrations
from avnz_int.errors import (
    AvnzError,
    DatabaseUnavailableError,
    InvalidInputError,
    NotInitializedError,
    NotMigratedError,
    UsageError,
)
from avnz_int.settings import without_password

BUSY_TIMEOUT_MS = 15_000
_LOG = logging.getLogger(__name__)
for _library in ("sqlalchemy", "psycopg"):
    # What fails is told by us; what they say of a connection that broke is for whoever asks for logs.
    logging.getLogger(_library).addHandler(logging.NullHandler())
_MODE = "avnz_begin"


class Database:
    """The database behind a URL; opened on first use.

    Args:
        url: `sqlite:///…`, all after that the path as it is, or `postgresql+psycopg://…`.
        schema: PostgreSQL schema of our tables.
        create: whether an SQLite file that is not there may be made (only `init` and `db upgrade`).
        busy_timeout_ms: how long to wait for a lock that another process holds.

    Raises:
        UsageError: the URL does not parse.
    """

    def __init__(
        self,
        url: str,
        schema: str = "public",
        *,
        create: bool = False,
        busy_timeout_ms: int = BUSY_TIMEOUT_MS,
    ) -> None:
        self.url = _parsed(url)
        self.busy_timeout_ms = busy_timeout_ms
        self.schema = schema
        self.shown = without_password(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        # As written: whether SQLAlchemy decodes %20 in it depends on its version.
        self._file = url.partition(":///")[2]
        self._create = create
        self._engine: Engine | None = None
        self._checked = False

    @property
    def path(self) -> Path | None:
        """The file of an SQLite database."""
        return Path(self._file).absolute() if self.is_sqlite else None

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's engine, connecting as configured here.

        Raises:
            NotInitializedError: the SQLite file is not there.
        """
        if self._engine is None:
            self._engine = self._sqlite_engine() if self.is_sqlite else self._postgres_engine()
            _LOG.info("using the database %s", self.shown)
        return self._engine

    def close(self) -> None:
        """Give back every connection."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that only reads, and sees all of the database as it was at one moment."""
        with self._transaction("BEGIN", reading=True) as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that writes; committed at the end, undone by any exception."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextlib.contextmanager
    def raw(self) -> Iterator[Connection]:
        """A connection for migrations and checks: no version check, and on SQLite no BEGIN."""
        with self._translated(), self.engine.connect() as connection:
            begin_mode(connection, None)
            yield connection

    @contextlib.contextmanager
    def _transaction(self, begin: str, *, reading: bool = False) -> Iterator[Connection]:
        options: dict[str, Any] = {_MODE: begin}
        if reading and not self.is_sqlite:
            # psycopg says it with its BEGIN.
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        with self._translated(), self.engine.connect() as opened:
            connection = opened.execution_options(**options)
            with connection.begin():
                if not self._checked:
                    self._check_version(connection)
                    self._checked = True
                yield connection

    def _check_version(self, connection: Connection) -> None:
        found = current_revision(connection, schema=None if self.is_sqlite else self.schema)
        if found is None:
            where = "" if self.is_sqlite else f" in the schema {self.schema}"
            raise NotInitializedError(f"{self.shown} holds no avnz-int database{where}")
        if found != migrations.HEAD:
            raise NotMigratedError(
                f"{self.shown} is at migration {found}, this program needs {migrations.HEAD}",
                # Migrations are numbered; upwards there is no way back.
                hint="upgrade avnz-int: a newer one made it" if found > migrations.HEAD else None,
            )

    def _sqlite_engine(self) -> Engine:
        path = self.path
        if path is None:
            raise UsageError("no SQLite file named")
        try:
            there = path.exists()
        except OSError as exc:
            raise DatabaseUnavailableError(
                f"cannot look for {path}: {exc.strerror}", hint="check the permissions of its folders"
            ) from None
        if not there:
            if not self._create:
                raise NotInitializedError(f"no database at {path}")
            create_private(path)
        mode = "rw" if os.access(path, os.W_OK) else "ro"
        engine = create_engine(
            URL.create("sqlite", database=f"file:{quote(str(path))}", query={"mode": mode, "uri": "true"}),
            hide_parameters=True,
            connect_args={"timeout": self.busy_timeout_ms / 1000},
        )

        @event.listens_for(engine, "connect")
        def _configure(dbapi_connection: Any, _record: Any) -> None:
            dbapi_connection.isolation_level = None  # BEGIN is ours, below
            dbapi_connection.execute("PRAGMA foreign_keys = ON")
            dbapi_connection.execute("PRAGMA synchronous = FULL")

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            statement = connection.get_execution_options().get(_MODE, "BEGIN")
            if statement is not None:
                connection.exec_driver_sql(statement)

        return engine

    def _postgres_engine(self) -> Engine:
        try:
            engine = create_engine(self.url, hide_parameters=True, connect_args={"connect_timeout": 10})
        except ModuleNotFoundError:
            raise UsageError(
                "PostgreSQL support is not installed", hint="pip install 'avnz-int[postgres]'"
            ) from None

        @event.listens_for(engine, "connect")
        def _configure(dbapi_connection: Any, _record: Any) -> None:
            with dbapi_connection.cursor() as cursor:
                cursor.execute(f'SET search_path TO "{self.schema}"')
                cursor.execute("SET TIME ZONE 'UTC'")
                cursor.execute(f"SET lock_timeout = {int(self.busy_timeout_ms)}")
            dbapi_connection.commit()

        return engine

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except AvnzError:
            raise
        except UnicodeEncodeError:
            # From None: the cause holds the text.
            raise InvalidInputError("a text holds bytes that are not UTF-8") from None
        except DBAPIError as exc:
            from avnz_int.db.failures import translated  # noqa: PLC0415  # mostly nothing fails

            raise translated(exc, self.shown) from None


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UsageError(
            "the database URL does not parse",
            hint="use sqlite:///<file> or postgresql+psycopg://<user>@<host>:<port>/<database>",
        ) from None
    # Then a part of the password stands in the host, and would be shown with it.
    if "@" in (parsed.host or ""):
        raise UsageError("the database URL holds more than one @", hint="write an @ in a password as %40")
    if parsed.get_backend_name() == "sqlite" and parsed.query:
        raise UsageError(
            "an SQLite URL takes no options", hint="use sqlite:///<file>, without a question mark"
        )
    return parsed


def begin_mode(connection: Connection, statement: str | None) -> None:
    """Set what begins this connection's transactions on SQLite; with None each statement commits."""
    connection.execution_options(**{_MODE: statement})


def create_private(path: Path) -> None:
    """An empty file of mode 0600, its folders made with 0700.

    Raises:
        DatabaseUnavailableError: the disk or the permissions do not allow it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as exc:
        raise DatabaseUnavailableError(f"cannot create {path}: {exc.strerror}") from None


def current_revision(connection: Connection, *, schema: str | None) -> str | None:
    """The migration the database is at; None where ours never ran."""
    if schema is None:
        query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = :name"
        parameters = {"name": migrations.VERSION_TABLE}
    else:
        query = "SELECT to_regclass(:name)"
        parameters = {"name": f'"{schema}"."{migrations.VERSION_TABLE}"'}
    if connection.scalar(text(query), parameters) is None:
        return None
    version = connection.scalar(text(f'SELECT version_num FROM "{migrations.VERSION_TABLE}"'))  # noqa: S608  # a constant
    return None if version is None else str(version)
