"""The engine: what goes wrong with a database is said in our words, with the right exit code."""

from __future__ import annotations

import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.exc import IntegrityError

from avnz_int.db import failures, migrate, migrations, tables
from avnz_int.db.engine import Database
from avnz_int.errors import (
    ConflictError,
    DatabaseUnavailableError,
    NotInitializedError,
    NotMigratedError,
)
from support.failing import CANARY, INSERT, failure, insert, insert_amid, slugs
from support.nobody import as_nobody, common_folder
from support.rows import ROWS


def test_commit(database: Database) -> None:
    """A write is there afterwards; one that an exception leaves is not."""
    insert(database, "one")
    with pytest.raises(ZeroDivisionError):
        insert_amid(database, lambda: 1 / 0)

    assert slugs(database) == ["one"]


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is `run avnz-int init`, and reading does not make it."""
    path = tmp_path / "no" / "such.db"

    error = failure(Database(f"sqlite:///{path}"))
    assert (NotInitializedError, 5, "run avnz-int init") == (type(error), error.exit_code, error.hint)
    assert str(path) in str(error)
    assert not path.parent.exists()


def test_not_ours(empty_database_url: str) -> None:
    """A database without our tables is not initialised."""
    database = Database(empty_database_url, create=True)
    with database.raw() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id int)")
        connection.commit()

    error = failure(database)
    assert (NotInitializedError, 5) == (type(error), error.exit_code)


def test_other_version(database: Database) -> None:
    """Another version than this program's is not migrated, with both versions named."""
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE avnz_int_migration SET version_num = '0000'")

    error = failure(Database(database.url.render_as_string(hide_password=False)))
    assert (NotMigratedError, 5, "run avnz-int db upgrade") == (type(error), error.exit_code, error.hint)
    assert f"migration 0000, this program needs {migrations.HEAD}" in str(error)


def test_lost_table(database: Database) -> None:
    """A table that is gone is named, and `db check` is advised."""
    with database.write() as connection:
        connection.exec_driver_sql('DROP TABLE "AuditEvent"')

    with pytest.raises(NotMigratedError, match="AuditEvent") as caught, database.read() as connection:
        connection.exec_driver_sql('SELECT * FROM "AuditEvent"')
    assert caught.value.hint == "run avnz-int db check"


def test_read_only(sqlite_template: Path) -> None:
    """A file, or a folder, that this user may not write is exit 7; reading works where SQLite allows it."""
    with common_folder() as folder:
        path = folder / "avnz-int.db"
        shutil.copy(sqlite_template, path)
        # The write-ahead log's files: whoever may not make them cannot read either.
        with sqlite3.connect(path) as rewritten:
            rewritten.execute("PRAGMA journal_mode = DELETE")
        rewritten.close()
        path.chmod(0o444)
        folder.chmod(0o555)

        def read() -> list[str]:
            database = Database(f"sqlite:///{path}")
            found = slugs(database)
            database.close()
            return found

        error = as_nobody(lambda: failure(Database(f"sqlite:///{path}")))
        assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
        assert "is read-only" in str(error)
        assert as_nobody(read) == []
        folder.chmod(0o755)


def test_read_only_log(sqlite_template: Path) -> None:
    """A file with a write-ahead log in a folder that this user may not write is exit 7, and says so."""
    with common_folder() as folder:
        path = folder / "avnz-int.db"
        shutil.copy(sqlite_template, path)
        path.chmod(0o444)
        folder.chmod(0o555)
        error = as_nobody(lambda: failure(Database(f"sqlite:///{path}")))
        folder.chmod(0o755)

    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
    assert {"folder", "permissions"} & set(str(error.hint).split())


@pytest.mark.parametrize("create", [False, True])
def test_closed_folder(sqlite_template: Path, *, create: bool) -> None:
    """A file in a folder that this user may not enter is exit 7."""
    with common_folder() as folder:
        (folder / "closed").mkdir(mode=0o700)
        if not create:
            shutil.copy(sqlite_template, folder / "closed" / "avnz-int.db")
        folder.joinpath("closed").chmod(0)
        url = f"sqlite:///{folder}/closed/avnz-int.db"
        error = as_nobody(lambda: failure(Database(url, create=create)))
        folder.joinpath("closed").chmod(0o700)

    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
    assert "permissions" in str(error.hint)


def test_no_right_to_create() -> None:
    """Where a new file cannot be made, `init` ends with exit 7 and names the path."""
    with common_folder() as folder:
        folder.chmod(0o555)
        url = f"sqlite:///{folder}/new/avnz-int.db"
        error = as_nobody(lambda: failure(Database(url, create=True)))
        folder.chmod(0o755)

    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
    assert f"cannot create {folder}/new/avnz-int.db" in str(error)


def test_full(sqlite_url: str) -> None:
    """Where no page can be added any more, a write is exit 7 and undone; later ones that fit succeed."""
    database = Database(sqlite_url)

    @event.listens_for(database.engine, "connect")
    def _limit(dbapi_connection: sqlite3.Connection, _record: object) -> None:
        dbapi_connection.execute("PRAGMA max_page_count = 1")

    insert(database, "small")
    with pytest.raises(DatabaseUnavailableError, match="the disk is full") as caught:
        insert(database, "large", name="x" * 1_000_000)
    assert caught.value.exit_code == 7
    assert slugs(database) == ["small"]
    database.close()


_LIMITED = """
import sys
from avnz_int.db import migrate
from avnz_int.db.engine import Database
from avnz_int.errors import AvnzError
database = Database(sys.argv[1], create=True)
try:
    migrate.upgrade(database)
except AvnzError as exc:
    print(exc.exit_code, exc)
"""


@pytest.mark.slow
def test_full_migration(empty_sqlite_url: str) -> None:
    """A disk that fills during the first migration is exit 7, and nothing of it is there afterwards."""

    def limited() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run(
        [sys.executable, "-c", _LIMITED, empty_sqlite_url],
        check=True,
        capture_output=True,
        text=True,
        preexec_fn=limited,
    )

    assert done.stdout.startswith("7 sqlite:///")
    assert done.stderr == ""
    database = Database(empty_sqlite_url)
    assert migrate.current(database) is None
    assert migrate.upgrade(database) == (None, migrate.head())
    database.close()


@pytest.mark.parametrize("content", [b"no database at all, " * 300, b"SQLite format 3\x00" + b"\xff" * 9000])
def test_not_a_database(tmp_path: Path, content: bytes) -> None:
    """A file of another kind is exit 7 and says what it is not; it stays as it was."""
    path = tmp_path / "letter.db"
    path.write_bytes(content)

    error = failure(Database(f"sqlite:///{path}"))
    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
    assert "is not an SQLite database, or it is damaged" in str(error)
    assert path.read_bytes() == content


def test_folder(tmp_path: Path) -> None:
    """A folder in place of the file is exit 7."""
    error = failure(Database(f"sqlite:///{tmp_path}", create=True))

    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)


@pytest.mark.parametrize("name", ["with space.db", "per%20cent.db", "a#b.db", "ünïcode.db", "a&b=c.db"])
def test_odd_names(tmp_path: Path, name: str) -> None:
    """Whatever a file is called, that file is used and no other."""
    database = Database(f"sqlite:///{tmp_path / name}", create=True)
    migrate.upgrade(database)
    database.close()

    assert [path.name for path in tmp_path.glob("*.db*")] == [name]


def test_one_moment(database: Database) -> None:
    """A transaction that reads sees the database as it was when it began, whatever is committed meanwhile."""
    other = Database(database.url.render_as_string(hide_password=False))
    with database.read() as connection:
        before = connection.scalar(text('SELECT count(*) FROM "Organization"'))
        with other.write() as writing:
            writing.execute(text(INSERT), {"id": "new", "name": "New"})
        assert before == connection.scalar(text('SELECT count(*) FROM "Organization"'))
    with database.read() as connection:
        assert before + 1 == connection.scalar(text('SELECT count(*) FROM "Organization"'))
    other.close()


def test_locked(sqlite_url: str) -> None:
    """A file that another process keeps locked is exit 7 for writers; readers go on."""
    holder, waiting = Database(sqlite_url), Database(sqlite_url, busy_timeout_ms=50)
    with holder.write() as holding:
        holding.execute(text(INSERT), {"id": "held", "name": "Held"})
        error = failure(waiting)
        assert slugs(waiting) == []
    waiting.close()
    holder.close()

    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
    assert "is locked by another process" in str(error)


def test_locked_table(postgres_url: str) -> None:
    """A lock that another PostgreSQL session keeps is exit 7 after the time to wait, not a wait for ever."""
    holder, waiting = Database(postgres_url), Database(postgres_url, busy_timeout_ms=50)
    with holder.write() as holding:
        holding.execute(text('LOCK TABLE "Organization" IN ACCESS EXCLUSIVE MODE'))
        error = failure(waiting)
    waiting.close()
    holder.close()

    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
    assert "is locked by another process" in str(error)


@pytest.mark.parametrize(("column", "text_there"), [("settings", "{broken"), ("createdAt", "yesterday")])
def test_foreign_text(sqlite_url: str, column: str, text_there: str) -> None:
    """Text that is no JSON or no time, put there by somebody else, comes as it is and breaks no listing."""
    database = Database(sqlite_url)
    table = tables.metadata.tables["ClientIntegration"]
    with database.write() as connection:
        for name, values in ROWS.items():
            connection.execute(tables.metadata.tables[name].insert().values(**values))
        connection.execute(text(f'UPDATE "ClientIntegration" SET "{column}" = :value'), {"value": text_there})
        found = connection.execute(select(table.c[column])).scalar()
    database.close()

    assert text_there == found


def test_immediate(sqlite_url: str) -> None:
    """A writing transaction takes its lock at its beginning, so that it cannot lose it later."""
    first, second = Database(sqlite_url), Database(sqlite_url, busy_timeout_ms=50)
    with first.write(), pytest.raises(DatabaseUnavailableError), second.write():
        pass
    first.close()
    second.close()


def test_refused(database: Database) -> None:
    """A row that breaks a constraint is a conflict that names it and shows no value."""
    insert(database, "one")
    with pytest.raises(ConflictError, match=r"Organization\.(id|slug)|Organization_pkey") as caught:
        insert(database, "one", name=CANARY)

    assert caught.value.exit_code == 5
    assert CANARY not in str(caught.value)


def test_violated(database: Database) -> None:
    """The constraint that refused a row can be told, so that a service says which rule it was."""
    with database.raw() as connection:
        connection.execute(text(INSERT), {"id": "one", "name": "One"})
        connection.commit()
        with pytest.raises(IntegrityError) as caught:
            connection.execute(text(INSERT.replace("(:id, :id", "('two', :id")), {"id": "one", "name": "Two"})

    expected = "Organization.slug" if database.is_sqlite else "Organization_slug_key"
    assert expected == failures.violated_constraint(caught.value)
