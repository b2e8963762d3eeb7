"""Rows between two databases, in all four directions, with every table filled."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import insert, select, text

from avnz_int.db import copying, tables
from avnz_int.db.engine import Database
from avnz_int.errors import IntegrityError
from support.migrations import Opener
from support.postgres import PostgresDatabases
from support.rows import PLATFORM_MODE, ROWS

KINDS = ("sqlite", "postgresql")
MANY = 1203


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Any, sqlite_template: Any) -> Callable[[str, str], str]:
    """The URL of a migrated, empty database of a kind and a name."""

    def made(kind: str, name: str) -> str:
        if kind == "sqlite":
            path = tmp_path / f"{name}.db"
            path.write_bytes(sqlite_template.read_bytes())
            return f"sqlite:///{path}"
        databases: PostgresDatabases = request.getfixturevalue("postgres")
        made = databases.create_database(request.getfixturevalue("postgres_template"))
        request.addfinalizer(lambda: databases.drop_database(made))
        return databases.url(made)

    return made


def fill(database: Database) -> None:
    """A row in each table, and so many clients that they are several pages."""
    with database.write() as connection:
        for name, row in ROWS.items():
            if name == "ActivationPeriod":
                second = {
                    **ROWS["ClientIntegration"],
                    **PLATFORM_MODE,
                    "settings": {"b": [1, None], "a": "ü"},
                }
                connection.execute(insert(tables.metadata.tables["ClientIntegration"]), second)
            connection.execute(insert(tables.metadata.tables[name]), row)
        many = [
            {**ROWS["Client"], "id": f"c{i}", "slug": f"client-{i}", "name": f'"Größe" {i}\n'}
            for i in range(MANY)
        ]
        connection.execute(insert(tables.Client), many)


def contents(database: Database) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, as both kinds read it."""
    with database.read() as connection:
        found = {}
        for table in copying.ordered():
            rows = [dict(row) for row in connection.execute(select(table)).mappings()]
            for row in rows:
                for name in ("credentials", "previousCredentials"):
                    if isinstance(row.get(name), str):
                        row[name] = json.loads(row[name])
            found[table.name] = sorted(rows, key=repr)
        return found


@pytest.mark.parametrize("source_kind", KINDS)
@pytest.mark.parametrize("target_kind", KINDS)
def test_every_table(
    opened: Opener, place: Callable[[str, str], str], source_kind: str, target_kind: str
) -> None:
    """The copy has every row of every table, and what was written is told page by page."""
    source, target = opened(place(source_kind, "source")), opened(place(target_kind, "target"))
    fill(source)
    pages: list[int] = []

    with source.read() as here, target.write() as there:
        written = copying.copy(here, there, pages.append)

    wanted = contents(source)
    assert wanted == contents(target)
    assert {name: len(rows) for name, rows in wanted.items()} == written
    assert all(written.values())
    assert sum(written.values()) == sum(pages)
    assert max(pages) < MANY


@pytest.mark.parametrize("via", KINDS)
def test_there_and_back(opened: Opener, place: Callable[[str, str], str], via: str) -> None:
    """An SQLite file that went through another database is the same text in every column."""
    first, middle, last = opened(place("sqlite", "a")), opened(place(via, "b")), opened(place("sqlite", "c"))
    fill(first)
    sealed = '{"protected":"p","aad":"a","iv":"i","ciphertext":"c","tag":"t"}'
    with first.write() as connection:
        connection.execute(text('UPDATE "PlatformIntegration" SET credentials = :s'), {"s": sealed})

    for source, target in ((first, middle), (middle, last)):
        with source.read() as here, target.write() as there:
            copying.copy(here, there, lambda _: None)

    for name in ("PlatformIntegration", "AccountPoolMember", "AuditEvent", "Client"):
        found = []
        for database in (first, last):
            with database.read() as connection:
                found.append(sorted(connection.exec_driver_sql(f'SELECT * FROM "{name}"').all()))
        assert found[0] == found[1]


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("ClientIntegration", "credentials", "no JSON"),
        ("ClientIntegration", "credentials", "[]"),
        ("ClientIntegration", "settings", "{"),
        ("ClientIntegration", "createdAt", "yesterday"),
        ("ClientIntegration", "isDefault", 2),
        ("AccountPoolMember", "currencies", '[1, "USD"]'),
    ],
)
def test_unfit(
    opened: Opener, place: Callable[[str, str], str], table: str, column: str, value: object
) -> None:
    """What PostgreSQL has no form for is refused by table, row and column; SQLite takes it as it is."""
    source = opened(place("sqlite", "source"))
    fill(source)
    with source.write() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.execute(
            text(f"UPDATE \"{table}\" SET \"{column}\" = :v WHERE id IN ('i', 'b')"), {"v": value}
        )
    row = ROWS[table]["id"]

    target = opened(place("postgresql", "target"))
    with pytest.raises(IntegrityError) as refused, source.read() as here, target.write() as there:
        copying.copy(here, there, lambda _: None)
    assert {"table": table, "column": column, "id": row} == refused.value.details

    like = opened(place("sqlite", "like"))
    with source.read() as here, like.write() as there:
        there.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        copying.copy(here, there, lambda _: None)
        kept = there.exec_driver_sql(f'SELECT "{column}" FROM "{table}" WHERE id = \'{row}\'').scalar()
        assert value == kept


@pytest.mark.parametrize("kind", KINDS)
def test_one_moment(opened: Opener, place: Callable[[str, str], str], kind: str) -> None:
    """A snapshot does not see what is committed after its first statement."""
    url = place(kind, "source")
    first, second = opened(url), opened(url)
    with first.read() as here:
        assert 0 == copying.counts(here)["Organization"]
        with second.write() as connection:
            connection.execute(insert(tables.Organization), ROWS["Organization"])
        assert 0 == copying.counts(here)["Organization"]
    with first.read() as here:
        assert 1 == copying.counts(here)["Organization"]


def test_filled(opened: Opener, place: Callable[[str, str], str], database_url: str, tmp_path: Any) -> None:
    """Tables that hold a row are named, also in a database that is not there or has none of ours."""
    database = opened(database_url)
    assert [] == copying.filled(database)
    assert [] == copying.filled(opened(f"sqlite:///{tmp_path / 'none.db'}"))
    with database.write() as connection:
        connection.execute(insert(tables.Organization), ROWS["Organization"])
    assert ["Organization"] == copying.filled(database)
