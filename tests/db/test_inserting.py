"""Many rows in one transaction: all of them, as they were given, or an error that shows none of them."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select

from avnz_int.db import tables
from avnz_int.db.engine import Database
from avnz_int.db.inserting import Inserter
from avnz_int.errors import ConflictError
from support.failing import CANARY
from support.rows import ROWS

MANY = 1234
"""More than one statement takes of a table this wide, and more than wait at once."""


@pytest.fixture
def ready(database: Database) -> Iterator[Database]:
    """A database with all that an integration refers to."""
    with database.write() as connection:
        for name in ("Organization", "Client", "IntegrationDefinition", "DataKey"):
            connection.execute(insert(tables.metadata.tables[name]), ROWS[name])
    yield database
    database.close()


def integrations(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Rows with text, JSON, times, flags and columns that hold nothing, of which one holds something once."""
    return [
        {
            **ROWS["ClientIntegration"],
            "id": f"i{number:05}",
            "name": f'"Größe" {number}\n',
            "isDefault": False,
            "settings": {"b": [number, None], "a": "ü"},
            "description": "only this one" if number == first + 7 else None,
            "errorMessage": None,
        }
        for number in range(first, first + count)
    ]


def stored(connection: Connection) -> list[dict[str, Any]]:
    """The integrations, by id."""
    table = tables.ClientIntegration
    return [dict(row) for row in connection.execute(select(table).order_by(table.c.id)).mappings()]


@pytest.mark.parametrize("part", [1, 99, 100, 500, MANY])
def test_all_are_in(ready: Database, part: int) -> None:
    """In however many parts they come, what is read is what was given; what was not named has its default."""
    given = integrations(MANY)
    with ready.write() as connection:
        inserter = Inserter(connection)
        for start in range(0, MANY, part):
            inserter.add(tables.ClientIntegration, given[start : start + part])
        inserter.add(tables.ClientIntegration, [])
        amid = stored(connection)
        with connection.begin_nested() as point:
            inserter.add(tables.ClientIntegration, integrations(500, MANY))
            point.rollback()
    with ready.read() as connection:
        found = stored(connection)

    assert amid == found
    assert MANY == len(found)
    for row, values in zip(found, given, strict=True):
        # The one is text and the other an object on PostgreSQL.
        assert row | values | {"credentials": row["credentials"]} == row
    assert {None} == {row["previousSettings"] for row in found}


def test_few_parameters(ready: Database) -> None:
    """An SQLite that takes few parameters gets more statements, not an error."""
    if not ready.is_sqlite:
        pytest.skip("COPY has no parameters")
    with ready.write() as connection:
        inserter = Inserter(connection)
        driver: Any = connection.connection.driver_connection
        driver.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 99)
        inserter.add(tables.ClientIntegration, integrations(300))
        inserter.wait()
        assert 300 == len(stored(connection))


@pytest.mark.parametrize("count", [3, 700])
@pytest.mark.parametrize("ends", ["adds", "asks", "leaves"])
def test_refused(ready: Database, count: int, ends: str) -> None:
    """A row that a constraint refuses undoes the transaction, is told by its constraint, and is not shown."""
    rows = integrations(count)
    twice = {**rows[-1], "id": "other", "description": CANARY}
    leaving = RuntimeError("something else")

    def filled() -> None:
        with ready.write() as connection:
            inserter = Inserter(connection)
            inserter.add(tables.ClientIntegration, [*rows, twice])
            if ends == "leaves":
                raise leaving
            if ends == "asks":
                stored(connection)
            for number in range(20):
                inserter.add(tables.ClientIntegration, integrations(200, 10_000 * (number + 1)))
            inserter.wait()

    with pytest.raises((ConflictError, RuntimeError)) as caught:
        filled()

    told = caught.value
    if told is not leaving:
        assert isinstance(told, ConflictError)
        assert "ClientIntegration" in told.message
    assert CANARY not in f"{told!r} {told.__cause__!r} {getattr(told, 'details', '')}"
    with ready.read() as connection:
        assert [] == stored(connection)


@pytest.mark.parametrize("deed", ["ROLLBACK", "ABORT", "FAIL"])
def test_undone_by_sqlite(ready: Database, deed: str) -> None:
    """Where SQLite ends the transaction by itself, nothing that waited its turn is written outside one."""
    if not ready.is_sqlite:
        pytest.skip("PostgreSQL ends none")
    with ready.write() as connection:
        connection.exec_driver_sql(
            f"CREATE TRIGGER refusing BEFORE INSERT ON \"ClientIntegration\" WHEN NEW.id = 'i00150'"
            f" BEGIN SELECT RAISE({deed}, 'it is refused'); END"
        )

    def filled() -> None:
        with ready.write() as connection:
            inserter = Inserter(connection)
            for number in range(6):
                inserter.add(tables.ClientIntegration, integrations(200, 200 * number))

    with pytest.raises(ConflictError):
        filled()
    with ready.read() as connection:
        assert [] == stored(connection)


def test_interrupted_twice(ready: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who presses Ctrl-C again while the first is seen to still gets all or nothing."""
    entered, left = threading.Event(), threading.Event()
    executed, copied, shutdown = Inserter._execute, Inserter._copy, ThreadPoolExecutor.shutdown
    impatient = [KeyboardInterrupt(), KeyboardInterrupt()]

    def slowly(insert: Any) -> Any:
        def inserted(*args: Any) -> None:
            entered.set()
            time.sleep(0.3)
            insert(*args)
            left.set()

        return inserted

    def ended(pool: ThreadPoolExecutor, **options: Any) -> None:
        if impatient:
            raise impatient.pop()
        shutdown(pool, **options)

    monkeypatch.setattr(Inserter, "_execute", slowly(executed))
    monkeypatch.setattr(Inserter, "_copy", slowly(copied))
    monkeypatch.setattr(ThreadPoolExecutor, "shutdown", ended)

    def filled() -> None:
        with ready.write() as connection:
            inserter = Inserter(connection)
            for number in range(4):
                inserter.add(tables.ClientIntegration, integrations(200, 200 * number))
            entered.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        filled()
    assert left.is_set()
    assert not impatient
    monkeypatch.undo()
    with ready.read() as connection:
        assert [] == stored(connection)


def test_threads_end(ready: Database) -> None:
    """No thread outlives its transaction."""
    before = set(threading.enumerate())
    with ready.write() as connection:
        Inserter(connection).add(tables.ClientIntegration, integrations(300))
        assert 1 == len(set(threading.enumerate()) - before)
    assert set() == set(threading.enumerate()) - before
    with ready.read() as connection:
        assert 300 == len(stored(connection))
