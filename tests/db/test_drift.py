"""Drift: whatever is dropped from or changed in a database is found and named, on both kinds."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Connection, create_engine
from sqlalchemy.dialects import sqlite

from avnz_int.db import drift, migrate, tables
from avnz_int.db.engine import Database
from avnz_int.errors import NotInitializedError
from support.postgres import PostgresDatabases

_KINDS = {
    "CheckConstraint": "CHECK",
    "UniqueConstraint": "unique",
    "PrimaryKeyConstraint": "primary key",
    "ForeignKeyConstraint": "foreign key",
}


class Part(NamedTuple):
    """A constraint or index of the models."""

    table: str
    kind: str
    name: str

    @property
    def line(self) -> str:
        """What is said where it is missing."""
        return f"{self.table}: {self.kind} {self.name} is missing"


def _parts() -> list[Part]:
    prepared = sqlite.dialect().identifier_preparer
    found = []
    for table in tables.metadata.sorted_tables:
        for constraint in table.constraints:
            name = str(prepared.format_constraint(constraint)).strip('"')
            found.append(Part(table.name, _KINDS[type(constraint).__name__], name))
        found += [Part(table.name, "index", str(index.name)) for index in table.indexes]
    return sorted(found)


PARTS = _parts()
ONE_DEFAULT = "ClientIntegration_one_default"


@pytest.fixture(scope="module")
def on_sqlite(sqlite_template: Path) -> Iterator[Database]:
    """A migrated SQLite file for tests that undo what they do."""
    database = Database(f"sqlite:///{sqlite_template}")
    yield database
    database.close()


@pytest.fixture(scope="module")
def on_postgres(postgres: PostgresDatabases, postgres_template: str) -> Iterator[Database]:
    """A migrated PostgreSQL database for tests that undo what they do."""
    name = postgres.create_database(postgres_template)
    database = Database(postgres.url(name))
    yield database
    database.close()
    postgres.drop_database(name)


@pytest.fixture
def lite(on_sqlite: Database) -> Iterator[Connection]:
    """A transaction on SQLite that is undone; stored SQL can be written in it."""
    with on_sqlite.raw() as connection:
        connection.exec_driver_sql("PRAGMA writable_schema = ON")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield connection
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA writable_schema = RESET")


@pytest.fixture
def post(on_postgres: Database) -> Iterator[Connection]:
    """A transaction on PostgreSQL that is undone."""
    with on_postgres.raw() as connection:
        yield connection
        connection.rollback()


def rewrite(connection: Connection, table: str, old: str, new: str) -> None:
    """Replace a part of the SQL that SQLite keeps of a table."""
    (stored,) = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)
    ).one()
    assert stored.count(old) == 1
    connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?",
        (stored.replace(old, new), table),
    )


def without(connection: Connection, part: Part) -> None:
    """Take a constraint out of the SQL that SQLite keeps of its table: one a line."""
    (stored,) = connection.exec_driver_sql(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (part.table,)
    ).one()
    lines = stored.splitlines()
    kept = [
        x for x in lines if not x.startswith((f'\tCONSTRAINT "{part.name}"', f"\tCONSTRAINT {part.name} "))
    ]
    assert len(kept) == len(lines) - 1
    kept[-2] = kept[-2].rstrip(", ")
    connection.exec_driver_sql(
        "UPDATE sqlite_master SET sql = ? WHERE type = 'table' AND name = ?", ("\n".join(kept), part.table)
    )


def test_walk() -> None:
    """The parts that are dropped below are all that the models have."""
    counted = sum(len(table.constraints) + len(table.indexes) for table in tables.metadata.sorted_tables)

    assert len(set(PARTS)) == counted
    assert {part.kind for part in PARTS} == {*_KINDS.values(), "index"}


def test_none(database: Database) -> None:
    """What the migrations make is what the models say."""
    assert drift.differences(database) == []


def test_models_sqlite() -> None:
    """On SQLite, too, tables made from the models are those that the migrations make."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        tables.metadata.create_all(connection)
        made = drift.sqlite_shape(connection)
    with engine.begin() as connection:
        tables.metadata.drop_all(connection)
        migrate.run(connection)
        migrated = drift.sqlite_shape(connection)
    engine.dispose()

    assert drift.compare(made, migrated) == []
    assert drift.compare(migrated, made) == []
    assert set(migrated) == set(tables.metadata.tables)


def test_no_database(empty_postgres_url: str) -> None:
    """Where there is no database of ours there is nothing to compare."""
    database = Database(empty_postgres_url)
    with pytest.raises(NotInitializedError):
        drift.differences(database)
    database.close()


def test_committed(database: Database) -> None:
    """A dropped index is one line; the check itself leaves nothing behind."""
    with database.write() as connection:
        connection.exec_driver_sql(f'DROP INDEX "{ONE_DEFAULT}"')

    for _ in range(2):
        assert drift.differences(database) == [f"ClientIntegration: index {ONE_DEFAULT} is missing"]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_dropped_sqlite(lite: Connection, part: Part) -> None:
    """Each constraint and index that is gone from an SQLite file is named, and nothing else."""
    if part.kind == "index":
        lite.exec_driver_sql(f'DROP INDEX "{part.name}"')
    else:
        without(lite, part)

    assert drift.differences_on(lite, None) == [part.line]


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_dropped_postgres(post: Connection, part: Part) -> None:
    """Each constraint and index that is gone from PostgreSQL is named, as are foreign keys it takes along."""
    if part.kind == "index":
        post.exec_driver_sql(f'DROP INDEX "{part.name}"')
    else:
        post.exec_driver_sql(f'ALTER TABLE "{part.table}" DROP CONSTRAINT "{part.name}" CASCADE')

    lines = drift.differences_on(post, "public")
    assert part.line in lines
    others = {line for line in lines if line != part.line}
    assert all(": foreign key " in line for line in others)
    assert others == set() or part.kind in {"primary key", "unique"}


@pytest.mark.parametrize("table", sorted(tables.metadata.tables))
def test_dropped_table(lite: Connection, post: Connection, table: str) -> None:
    """A table that is gone is named, on both kinds."""
    lite.exec_driver_sql("DELETE FROM sqlite_master WHERE tbl_name = ?", (table,))
    post.exec_driver_sql(f'DROP TABLE "{table}" CASCADE')

    assert drift.differences_on(lite, None) == [f"{table}: the table is missing"]
    assert f"{table}: the table is missing" in drift.differences_on(post, "public")


ALTERED = 'ALTER TABLE "ClientIntegration"'
CHANGES_POSTGRES = {
    f'DROP INDEX "{ONE_DEFAULT}"; CREATE UNIQUE INDEX "{ONE_DEFAULT}" ON "ClientIntegration"'
    ' ("clientId", "category", "environment") WHERE NOT "isDefault"': f"index {ONE_DEFAULT} is CREATE",
    f'DROP INDEX "{ONE_DEFAULT}"; CREATE UNIQUE INDEX "{ONE_DEFAULT}" ON "ClientIntegration"'
    ' ("clientId", "category", "environment")': f"index {ONE_DEFAULT} is CREATE",
    f'DROP INDEX "{ONE_DEFAULT}"; CREATE INDEX "{ONE_DEFAULT}" ON "ClientIntegration"'
    ' ("clientId", "category", "environment") WHERE "isDefault"': f"index {ONE_DEFAULT} is CREATE",
    'CREATE UNIQUE INDEX mine ON "ClientIntegration" (name)': "index mine is not avnz-int's",
    f"{ALTERED} ADD CONSTRAINT mine CHECK (name <> 'x')": "CHECK mine is not avnz-int's",
    f"{ALTERED} ADD COLUMN mine text": "column mine is not avnz-int's",
    f'{ALTERED} DROP COLUMN "errorMessage"': "column errorMessage is missing",
    f'{ALTERED} RENAME COLUMN "errorMessage" TO mine': "column errorMessage is missing",
    f'{ALTERED} ALTER COLUMN "priority" TYPE bigint': "column priority is bigint NOT NULL DEFAULT 0, should",
    f'{ALTERED} ALTER COLUMN "createdAt" TYPE timestamptz': "column createdAt is timestamp with",
    f'{ALTERED} ALTER COLUMN "name" DROP NOT NULL': "column name is text, should be text NOT NULL",
    f'{ALTERED} ALTER COLUMN "environment" DROP DEFAULT': "column environment is text NOT NULL, should be",
    f"{ALTERED} ALTER COLUMN \"environment\" SET DEFAULT 'sandbox'": "column environment is text",
    f'{ALTERED} DROP CONSTRAINT "ClientIntegration_mode_check", ADD CONSTRAINT'
    " \"ClientIntegration_mode_check\" CHECK (mode IN ('own', 'platform', 'other'))": (
        "CHECK ClientIntegration_mode_check is CHECK"
    ),
    f'{ALTERED} DROP CONSTRAINT "ClientIntegration_clientId_fkey", ADD CONSTRAINT'
    ' "ClientIntegration_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client" ON DELETE CASCADE': (
        "foreign key ClientIntegration_clientId_fkey is FOREIGN KEY"
    ),
    f'{ALTERED} DROP CONSTRAINT "ClientIntegration_clientId_fkey", ADD CONSTRAINT'
    ' "ClientIntegration_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES "Client" ON DELETE RESTRICT'
    " NOT VALID": "foreign key ClientIntegration_clientId_fkey is FOREIGN KEY",
}


@pytest.mark.slow
@pytest.mark.parametrize(("change", "said"), CHANGES_POSTGRES.items(), ids=CHANGES_POSTGRES.values())
def test_changed_postgres(post: Connection, change: str, said: str) -> None:
    """A predicate, column, default or rule that was changed in PostgreSQL is named with both forms."""
    post.exec_driver_sql(change)

    lines = drift.differences_on(post, "public")
    assert lines[0].startswith(f"ClientIntegration: {said}")
    assert len(lines) == 1 + ("RENAME" in change)


CHANGES_SQLITE = [
    ('"errorMessage" TEXT, \n\t"isVerified"', '"isVerified"', "column errorMessage is missing"),
    ('"errorMessage" TEXT', '"errorMessage" TEXT, mine INT', "column mine is not avnz-int's"),
    ('"errorMessage" TEXT', '"errorMessage" BLOB', "column errorMessage is BLOB, should be TEXT"),
    ("name TEXT NOT NULL", "name TEXT", "column name is TEXT, should be TEXT NOT NULL"),
    ("'production' NOT NULL", "'sandbox' NOT NULL", "column environment is TEXT DEFAULT 'sandbox' NOT NULL"),
    ("('own', 'platform')", "('own', 'it''s, (so)')", "CHECK ClientIntegration_mode_check is CHECK"),
    (
        'REFERENCES "Client" (id) ON DELETE RESTRICT',
        'REFERENCES "Client" (id) ON DELETE CASCADE',
        "foreign key ClientIntegration_clientId_fkey is FOREIGN KEY",
    ),
    (
        'UNIQUE ("clientId", provider, name)',
        'UNIQUE ("clientId", provider)',
        "unique ClientIntegration_clientId_provider_name_key is UNIQUE",
    ),
    ('"errorMessage" TEXT', '"errorMessage" TEXT, CHECK (name > 0)', "CHECK (name > 0) is not avnz-int's"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("old", "new", "said"), CHANGES_SQLITE, ids=[said for *_, said in CHANGES_SQLITE])
def test_changed_sqlite(lite: Connection, old: str, new: str, said: str) -> None:
    """A column, default or rule that was changed in an SQLite file is named with both forms."""
    rewrite(lite, "ClientIntegration", old, new)

    (line,) = drift.differences_on(lite, None)
    assert line.startswith(f"ClientIntegration: {said}")


@pytest.mark.parametrize("predicate", ['WHERE NOT "isDefault"', ""])
def test_predicate_sqlite(lite: Connection, predicate: str) -> None:
    """A changed or dropped predicate of a partial index in an SQLite file is named with both forms."""
    lite.exec_driver_sql(f'DROP INDEX "{ONE_DEFAULT}"')
    columns = '"clientId", category, environment'
    lite.exec_driver_sql(
        f'CREATE UNIQUE INDEX "{ONE_DEFAULT}" ON "ClientIntegration" ({columns}) {predicate}'
    )

    (line,) = drift.differences_on(lite, None)
    assert line.startswith(f"ClientIntegration: index {ONE_DEFAULT} is CREATE UNIQUE INDEX")
    assert line.endswith('WHERE "isDefault"')


def test_others(lite: Connection, post: Connection) -> None:
    """Tables of others are none of ours, even with the same name in another schema."""
    lite.exec_driver_sql("CREATE TABLE theirs (id INTEGER PRIMARY KEY)")
    post.exec_driver_sql("CREATE TABLE theirs (id int)")
    post.exec_driver_sql('CREATE SCHEMA elsewhere; CREATE TABLE elsewhere."Client" (id int)')

    assert drift.differences_on(lite, None) == []
    assert drift.differences_on(post, "public") == []


def test_elsewhere(post: Connection) -> None:
    """A foreign key that points to a table of the same name in another schema is named."""
    post.exec_driver_sql('CREATE SCHEMA elsewhere; CREATE TABLE elsewhere."Client" (id text PRIMARY KEY)')
    post.exec_driver_sql(
        f'{ALTERED} DROP CONSTRAINT "ClientIntegration_clientId_fkey", ADD CONSTRAINT'
        ' "ClientIntegration_clientId_fkey" FOREIGN KEY ("clientId") REFERENCES elsewhere."Client"'
        " ON DELETE RESTRICT"
    )

    (line,) = drift.differences_on(post, "public")
    assert 'REFERENCES elsewhere."Client"' in line
