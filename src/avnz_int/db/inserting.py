"""Many rows into a table, without a mapping for each, and beside what the caller does meanwhile."""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain
from operator import itemgetter
from typing import Any, cast

from sqlalchemy import Column, Connection, Table, event
from sqlalchemy.exc import DBAPIError

from avnz_int import clock
from avnz_int.db.rows import Row
from avnz_int.db.types import Json, Sealed, Timestamp
from avnz_int.model.json_writer import json_writer

_json = json_writer()
_BESIDE = 100
"""Rows from which on a thread is worth its while."""
_WAITING = 6
"""Calls whose rows may wait for the thread."""
Prepared = list[tuple[Any, ...]]


class Inserter:
    """Inserts rows in a transaction that is open, many of them in a thread.

    On PostgreSQL by COPY: 46 us a row of ClientIntegration, against 117 by an executemany of SQLAlchemy's. On
    SQLite by statements of as many rows as it takes, during which the thread does without Python's lock. Most
    of what an import of thousands spends in the database passes while its next rows are made. Any other
    statement of the connection waits for them, and so do its commit and its rollback.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._is_sqlite = connection.dialect.name == "sqlite"
        self._thread: ThreadPoolExecutor | None = None
        self._running: deque[Future[None]] = deque()
        self._error: BaseException | None = None
        self._over = False

    def add(self, table: Table, values: Sequence[Row]) -> None:
        """Insert rows of the same columns, perhaps after the return.

        Raises:
            DBAPIError: these, or those before them, cannot be inserted.
        """
        if not values:
            return
        names = _named(table, values)
        prepared = _prepared(table, names, values, is_sqlite=self._is_sqlite)
        columns = ", ".join(f'"{name}"' for name in names)
        into = f'"{table.name}" ({columns})'
        insert = self._execute if self._is_sqlite else self._copy
        if len(values) < _BESIDE:
            self.wait()
            insert(into, prepared)
            return
        self._wait(_WAITING - 1)
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="avnz-int-insert")
            event.listen(self._connection, "before_cursor_execute", lambda *_: self.wait())
            event.listen(self._connection, "commit", lambda _: self._settle())
            event.listen(self._connection, "rollback", lambda _: self._end())
        self._running.append(self._thread.submit(self._beside, insert, into, prepared))

    def wait(self) -> None:
        """Return when all is in.

        Raises:
            DBAPIError: something could not be inserted; that is said to whoever asks again, too.
        """
        self._wait(0)

    def _wait(self, left: int) -> None:
        while len(self._running) > left:
            self._running[0].result()
            self._running.popleft()
        if self._error is not None:
            raise self._error

    def _beside(self, insert: Callable[[str, Prepared], None], into: str, prepared: Prepared) -> None:
        # What follows a failure is not even tried: SQLite may have undone the transaction, and what runs
        # outside one stays.
        if self._over:
            return
        try:
            insert(into, prepared)
        except BaseException as exc:
            self._over, self._error = True, exc
            raise

    def _settle(self) -> None:
        self.wait()
        self._end()

    def _end(self) -> None:
        """Let nothing more run; the thread has ended when this returns, whatever interrupts the wait."""
        self._over = True
        interrupt: KeyboardInterrupt | None = None
        while self._thread is not None:
            try:
                self._thread.shutdown(cancel_futures=True)
                self._thread = None
            except KeyboardInterrupt as exc:
                interrupt = exc
        self._running.clear()
        self._error = None
        if interrupt is not None:
            raise interrupt

    def _execute(self, into: str, prepared: Prepared) -> None:
        driver = cast("sqlite3.Connection", self._connection.connection.driver_connection)
        wide = len(prepared[0])
        most = driver.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER) // wide
        places = f"({', '.join('?' * wide)})"
        for start in range(0, len(prepared), most):
            if not driver.in_transaction:
                raise RuntimeError("rows are inserted in a transaction")
            part = prepared[start : start + most]
            # Names of our own tables and columns.
            statement = f"INSERT INTO {into} VALUES {', '.join([places] * len(part))}"  # noqa: S608
            try:
                driver.execute(statement, list(chain.from_iterable(part)))
            except sqlite3.Error as exc:
                raise self._wrapped(f"INSERT INTO {into}", exc, sqlite3.Error) from None

    def _copy(self, into: str, prepared: Prepared) -> None:
        statement = f"COPY {into} FROM STDIN"
        dbapi: Any = self._connection.dialect.loaded_dbapi
        try:
            with (
                cast("Any", self._connection.connection).cursor() as cursor,
                cursor.copy(statement) as copy,
            ):
                for row in prepared:
                    copy.write_row(row)
        except dbapi.Error as exc:
            raise self._wrapped(statement, exc, dbapi.Error) from None

    def _wrapped(self, statement: str, exc: Exception, base: type[Exception]) -> BaseException:
        # As SQLAlchemy wraps what goes through it: without the values.
        return DBAPIError.instance(
            statement, None, exc, base, hide_parameters=True, dialect=self._connection.dialect
        )


def _named(table: Table, values: Sequence[Row]) -> list[str]:
    """The columns to name: not those that hold nothing in any row, half of an integration's."""
    return [
        name
        for name in values[0]
        if table.c[name].server_default is not None or any(row[name] is not None for row in values)
    ]


def _prepared(table: Table, names: Sequence[str], values: Sequence[Row], *, is_sqlite: bool) -> Prepared:
    """The rows as the driver takes them: most of their values are what they are, and are not looked at."""
    writers = [(place, _writer(table.c[name], is_sqlite=is_sqlite)) for place, name in enumerate(names)]
    others = [(place, write) for place, write in writers if write is not None]
    get = itemgetter(*names)
    prepared = []
    for row in values:
        made = list(get(row))
        for place, write in others:
            value = made[place]
            if value is not None:
                made[place] = write(value)
        prepared.append(tuple(made))
    return prepared


def _writer(column: Column[Any], *, is_sqlite: bool) -> Callable[[Any], Any] | None:
    """What makes of a column's value one that the driver takes; None where it takes it as it is."""
    if isinstance(column.type, Json):
        return _json
    if isinstance(column.type, Timestamp) and is_sqlite:
        return clock.rfc3339
    if isinstance(column.type, Sealed):
        # As the cipher writes it, or as jsonb gave it back.
        return lambda value: value if isinstance(value, str) else _json(value)
    return None
