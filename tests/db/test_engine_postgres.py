"""The engine on PostgreSQL: no server, no entry, a server that crashes; and URLs that do not parse."""

from __future__ import annotations

import pytest

from avnz_int.db import migrate
from avnz_int.db.engine import Database
from avnz_int.errors import DatabaseUnavailableError, UsageError
from support.failing import CANARY, failure, insert, insert_amid, slugs
from support.postgres import PostgresDatabases, PostgresServer


def test_no_server() -> None:
    """PostgreSQL that does not run is exit 7, without the password."""
    for host in ("127.0.0.1:1", "localhost:1"):
        error = failure(Database(f"postgresql+psycopg://me:{CANARY}@{host}/db"))

        assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
        assert f"postgresql+psycopg://me@{host}/db" in str(error)


def test_wrong_password(postgres: PostgresDatabases) -> None:
    """A refused password is exit 7, and is not shown."""
    url = postgres.admin_url.rpartition("@")[2]

    error = failure(Database(f"postgresql+psycopg://postgres:{CANARY}@{url}"))
    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)


def test_no_such_database(postgres: PostgresDatabases) -> None:
    """A database that does not exist on the server is exit 7 and named."""
    error = failure(Database(postgres.url("no_such_database")))

    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
    assert "no_such_database" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://me:{CANARY}@host:port/db",
        f"postgresql+psycopg://me:{CANARY}@[::1/db",
        f"postgresql+psycopg://me:half@{CANARY}@host/db",
        f"{CANARY}",
        f"sqlite:///x.db?key={CANARY}",
    ],
)
def test_bad_url(url: str) -> None:
    """A URL that does not parse is exit 2, and no part of its password is shown."""
    with pytest.raises(UsageError) as caught:
        Database(url)

    assert caught.value.exit_code == 2
    assert CANARY not in f"{caught.value} {caught.value.hint}"
    assert caught.value.__cause__ is None


@pytest.mark.slow
def test_server_dies() -> None:
    """A server that crashes amid a write is exit 7; the write is undone and the next one succeeds."""
    with PostgresServer(durable=True) as server:
        database = Database(server.url(server.create_database()))
        migrate.upgrade(database)
        insert(database, "before")
        with pytest.raises(DatabaseUnavailableError) as caught:
            insert_amid(database, lambda: server.stop("immediate"))
        assert caught.value.exit_code == 7
        with pytest.raises(DatabaseUnavailableError):
            slugs(database)

        server.start()
        database.close()
        insert(database, "after")
        assert slugs(database) == ["after", "before"]
        database.close()
