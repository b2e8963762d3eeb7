"""Migrations: from nothing and from every revision, together, interrupted, beside the tables of others."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from avnz_int import clock
from avnz_int.db import drift, migrate, migrations, prices, tables
from avnz_int.db.engine import Database
from avnz_int.errors import (
    ConflictError,
    DatabaseUnavailableError,
    IntegrityError,
    NotInitializedError,
    NotMigratedError,
)
from support.migrations import Opener, add_revision, names


def execute(database: Database, *statements: str) -> None:
    """Run SQL past the version check, and commit."""
    with database.raw() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()


def tenants(database: Database) -> None:
    """Fill in an organization, a client and a company."""
    stamps = "'2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z', 'me'"
    columns = '"createdAt", "updatedAt", "createdBy"'
    execute(
        database,
        f"""INSERT INTO "Organization" (id, slug, name, {columns}) VALUES ('o', 'org', 'Org', {stamps})""",
        f"""INSERT INTO "Client" (id, "organizationId", slug, name, {columns})
            VALUES ('c', 'o', 'acme', 'Acme', {stamps})""",
        f"""INSERT INTO "Company" (id, "clientId", slug, name, {columns})
            VALUES ('k', 'c', 'shop', 'Shop', {stamps})""",
    )


def test_head() -> None:
    """The revision that commands compare with is the newest among the scripts."""
    assert migrate.head() == migrations.HEAD


def test_from_nothing(empty_database_url: str, opened: Opener) -> None:
    """An empty database gets every table, and says so."""
    database = opened(empty_database_url)
    assert migrate.current(database) is None

    assert migrate.upgrade(database) == (None, migrations.HEAD)
    assert {*tables.metadata.tables, migrations.VERSION_TABLE} == names(database)
    assert migrate.current(database) == migrations.HEAD
    with database.read() as connection:
        assert connection.execute(tables.metadata.tables["Client"].select()).all() == []


def test_twice(empty_database_url: str, opened: Opener) -> None:
    """The second time nothing is to do, not even a lock to wait for."""
    database = opened(empty_database_url)
    migrate.upgrade(database)
    busy = opened(empty_database_url)

    with busy.write() as holding:
        holding.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = version_num"))
        assert migrate.upgrade(database) == (migrations.HEAD, migrations.HEAD)


_SCRIPTS = ScriptDirectory.from_config(migrate._config(migrate.SCRIPTS))


def test_amid_the_first_look(
    empty_database_url: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another process makes between two looks is not taken for the tables of somebody else."""
    look = migrate._present
    ends: list[tuple[str | None, str]] = []
    other = threading.Thread(target=lambda: ends.append(migrate.upgrade(opened(empty_database_url))))

    def present(connection: Connection, database: Database) -> set[str]:
        monkeypatch.setattr(migrate, "_present", look)
        other.start()
        other.join(1)  # on SQLite it waits until we have looked
        return look(connection, database)

    monkeypatch.setattr(migrate, "_present", present)
    ends.append(migrate.upgrade(opened(empty_database_url)))
    other.join()

    assert {migrations.HEAD} == {after for _, after in ends}
    assert 1 == sum(before is None for before, _ in ends)


@pytest.mark.parametrize("revision", [script.revision for script in _SCRIPTS.walk_revisions()])
def test_from_each(empty_database_url: str, opened: Opener, revision: str) -> None:
    """From every earlier revision the newest is reached, and it is as the models say."""
    database = opened(empty_database_url)
    assert (None, revision) == migrate.upgrade(database, to=revision)

    assert (revision, migrations.HEAD) == migrate.upgrade(database)
    assert drift.differences(database) == []


def test_quiet(
    empty_database_url: str,
    opened: Opener,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """A migration prints nothing and logs nothing, even where the caller logs everything."""
    with caplog.at_level(logging.DEBUG):
        migrate.upgrade(opened(empty_database_url))

    assert [record for record in caplog.records if record.name.startswith("alembic")] == []
    assert capfd.readouterr() == ("", "")


def test_file(empty_sqlite_url: str, opened: Opener) -> None:
    """A new SQLite file is its owner's only, whatever the umask, and keeps a write-ahead log."""
    database = opened(empty_sqlite_url)
    before = os.umask(0)
    try:
        migrate.upgrade(database)
    finally:
        os.umask(before)

    assert database.path is not None
    assert database.path.stat().st_mode & 0o777 == 0o600
    with database.read() as connection:
        assert connection.scalar(text("PRAGMA journal_mode")) == "wal"
        assert connection.scalar(text("PRAGMA foreign_keys")) == 1


def test_missing_file(empty_sqlite_url: str) -> None:
    """Without leave to create it, a missing file is no database, and stays missing."""
    database = Database(empty_sqlite_url)

    with pytest.raises(NotInitializedError):
        migrate.upgrade(database)
    assert database.path is not None
    assert not database.path.exists()


@pytest.mark.parametrize("table", sorted(tables.metadata.tables))
def test_foreign_sqlite(empty_sqlite_url: str, opened: Opener, table: str) -> None:
    """A table of the same name that we did not make is named, and the file stays byte for byte."""
    database = opened(empty_sqlite_url)
    execute(database, f'CREATE TABLE "{table}" (id INTEGER)', "CREATE TABLE other (id INTEGER)")
    assert database.path is not None
    before = database.path.read_bytes()

    with pytest.raises(ConflictError, match=f"avnz-int did not make: {table}$") as caught:
        migrate.upgrade(database)
    assert caught.value.exit_code == 5
    assert {"tables": [table]} == caught.value.details
    assert before == database.path.read_bytes()


def test_foreign_postgres(empty_postgres_url: str, opened: Opener) -> None:
    """A table or view of the same name in our schema is named and left alone; elsewhere it may be."""
    execute(
        opened(empty_postgres_url),
        "CREATE SCHEMA elsewhere",
        'CREATE TABLE elsewhere."Company" (id int)',
        'CREATE VIEW "Client" AS SELECT 1 AS id',
    )
    database = opened(empty_postgres_url)

    with pytest.raises(ConflictError, match=r"schema public has tables .*: Client$"):
        migrate.upgrade(database)
    assert {"Client"} == names(database)
    execute(database, 'DROP VIEW "Client"')
    assert migrate.upgrade(database) == (None, migrations.HEAD)


def test_newer(database: Database) -> None:
    """A database of a later program is refused, by the migration and by every command, and not touched."""
    execute(database, f"UPDATE {migrations.VERSION_TABLE} SET version_num = 'later'")

    with pytest.raises(NotMigratedError, match="later, which this program does not know") as caught:
        migrate.upgrade(database)
    assert caught.value.exit_code == 5
    assert migrate.current(database) == "later"
    with pytest.raises(NotMigratedError) as refused, database.read():
        pass
    assert refused.value.hint == "upgrade avnz-int: a newer one made it"
    execute(database, f"UPDATE {migrations.VERSION_TABLE} SET version_num = '0001'")
    with pytest.raises(NotMigratedError) as older, database.read():
        pass
    assert older.value.hint == "run avnz-int db upgrade"


def test_schema(empty_postgres_url: str, opened: Opener) -> None:
    """Two schemas of one database hold two of ours, each complete; public stays as it was."""
    first, second = opened(empty_postgres_url, "one"), opened(empty_postgres_url, "two")
    assert migrate.current(first) is None

    assert migrate.upgrade(first) == (None, migrations.HEAD)
    assert migrate.current(second) is None
    assert migrate.upgrade(second) == (None, migrations.HEAD)
    assert set() == names(opened(empty_postgres_url))
    for database in (first, second):
        assert {*tables.metadata.tables, migrations.VERSION_TABLE} == names(database)
        assert drift.differences(database) == []


def test_locked_sqlite(sqlite_url: str, opened: Opener, scripts: Path) -> None:
    """Where another process holds the file for too long, the migration gives up with exit 7."""
    add_revision(scripts, "pass")
    holder = opened(sqlite_url)

    with holder.write() as holding:
        holding.execute(text(f"UPDATE {migrations.VERSION_TABLE} SET version_num = version_num"))
        with pytest.raises(DatabaseUnavailableError, match="locked by another process") as caught:
            migrate.upgrade(opened(sqlite_url, busy_timeout_ms=50), scripts=scripts)
    assert caught.value.exit_code == 7


def test_locked_postgres(empty_postgres_url: str, opened: Opener) -> None:
    """Where another migration holds the lock for too long, this one gives up with exit 7."""
    holder, waiting = opened(empty_postgres_url), opened(empty_postgres_url, busy_timeout_ms=50)

    with holder.raw() as holding:
        migrate._lock_schema(holding, "public")
        with pytest.raises(DatabaseUnavailableError, match="locked by another process") as caught:
            migrate.upgrade(waiting)
    assert caught.value.exit_code == 7
    assert set() == names(waiting)


_BATCH = """
with op.batch_alter_table("Client") as batch:
    batch.add_column(sa.Column("region", sa.Text(), nullable=False, server_default="eu"))
    batch.drop_constraint("Client_status_check", type_="check")
    batch.create_check_constraint("Client_region_check", "region IN ('eu', 'us')")
"""


def test_batch(database: Database, opened: Opener, scripts: Path) -> None:
    """A revision may alter a table that others refer to: its rows and theirs stay, and foreign keys hold."""
    tenants(database)
    add_revision(scripts, _BATCH)

    assert migrate.upgrade(database, scripts=scripts) == (migrations.HEAD, "next")
    with database.raw() as connection:
        rows = connection.exec_driver_sql('SELECT slug, region FROM "Client"').all()
        assert [tuple(row) for row in rows] == [("acme", "eu")]
        assert connection.exec_driver_sql('SELECT slug FROM "Company"').scalar() == "shop"
    for refused in (
        """UPDATE "Client" SET region = 'mars'""",
        """UPDATE "Company" SET "clientId" = 'nobody'""",
        """DELETE FROM "Client\"""",
    ):
        with pytest.raises(ConflictError):
            execute(database, refused)
    execute(database, """UPDATE "Client" SET status = 'anything'""")


def test_dangling(database: Database, scripts: Path) -> None:
    """A revision that would leave a row referring to nothing is undone as a whole."""
    tenants(database)
    add_revision(
        scripts,
        """
        op.create_table("Extra", sa.Column("id", sa.Text()))
        op.execute('DELETE FROM "Client"')
        """,
    )

    with pytest.raises(IntegrityError if database.is_sqlite else ConflictError, match="Company"):
        migrate.upgrade(database, scripts=scripts)
    assert migrate.current(database) == migrations.HEAD
    assert "Extra" not in names(database)
    with pytest.raises(ConflictError):
        execute(database, 'DELETE FROM "Client"')


def test_what_is_shared_keeps_its_price(empty_database_url: str, opened: Opener) -> None:
    """What was shared before there were price versions has one from its beginning, and its users a period."""
    database = opened(empty_database_url)
    migrate.upgrade(database, to="0001")
    tenants(database)
    made = "2026-01-02T03:04:05.678Z"
    stamps, names_of = f"'{made}', '2026-02-02T03:04:05.678Z', 'me'", '"createdAt", "updatedAt", "createdBy"'
    pricing = '{"type":"per_transaction","percentageFee":0.5001,"flatFee":10,"monthlyMinimum":5000}'
    euros = '{"type":"per_transaction","percentageFee":2,"flatFee":0,"monthlyMinimum":0,"currency":"EUR"}'
    execute(
        database,
        f"""INSERT INTO "DataKey" (id, "organizationId", purpose, "wrappedKey", "masterKeyId", status,
            "sealCount", "activatedAt", {names_of})
            VALUES ('k', 'o', 'credentials', '{{}}', 'm', 'active', 0, '{made}', {stamps})""",
    )
    for provider, shared, price in (
        ("payflow", "true", f"'{pricing}'"),
        ("nmi", "true", f"'{euros}'"),
        ("stripe", "false", "NULL"),
    ):
        execute(
            database,
            f"""INSERT INTO "IntegrationDefinition" (id, category, provider, name, description,
                "credentialSchema", "requiredCompliance", "createdAt", "updatedAt")
                VALUES ('{provider}', 'payment_gateway', '{provider}', 'P', '', '{{}}',
                {"'[]'" if database.is_sqlite else "'{}'"}, '{made}', '{made}')""",
            f"""INSERT INTO "PlatformIntegration" (id, "organizationId", provider, category, name,
                credentials, "credentialsKeyId", "credentialsUpdatedAt", "isSharedWithClients",
                "clientPricing", {names_of})
                VALUES ('of {provider}', 'o', '{provider}', 'payment_gateway', 'Ours',
                '{{"protected":""}}', 'k', '{made}', {shared}, {price}, {stamps})""",
        )
    for name, status in (("used", "active"), ("unused", "inactive")):
        execute(
            database,
            f"""INSERT INTO "ClientIntegration" (id, "clientId", provider, category, name, mode,
                "platformIntegrationId", status, {names_of})
                VALUES ('{name}', 'c', 'payflow', 'payment_gateway', '{name}', 'platform', 'of payflow',
                '{status}', {stamps})""",
        )
    assert ("0001", migrations.HEAD) == migrate.upgrade(database)

    with database.read() as connection:
        found = {row["platformIntegrationId"]: row for row in prices.versions(connection)}
        periods = connection.execute(prices.PERIOD.select()).mappings().all()
    began = clock.parse_rfc3339(made)
    assert {
        "of payflow": (None, "0.5001", 10, 5000, "USD", began),
        "of nmi": (None, "2", 0, 0, "EUR", began),
    } == {
        key: tuple(
            row[name]
            for name in ("clientId", "percentageFee", "flatFee", "monthlyMinimum", "currency", "effectiveAt")
        )
        for key, row in found.items()
    }
    assert [("c", "used", "of payflow", began, None)] == [tuple(row.values())[1:] for row in periods]
