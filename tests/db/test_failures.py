"""Errors of drivers in our words, whatever language a server speaks."""

from __future__ import annotations

import secrets

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError

from avnz_int.db.engine import Database
from avnz_int.db.failures import translated
from avnz_int.errors import AvnzError, DatabaseUnavailableError, NotMigratedError

NAME = "postgresql+psycopg://me@host/db"


def from_server(state: str, words: str, kind: type[DBAPIError] = OperationalError) -> AvnzError:
    """What becomes of an error that a server tells in its own language."""
    return translated(kind("SELECT secret", {"p": "secret"}, psycopg.errors.lookup(state)(words)), NAME)


def in_one(database: Database, *statements: str) -> None:
    """Execute statements in one transaction."""
    with database.write() as connection:
        for statement in statements:
            connection.execute(text(statement))


@pytest.mark.parametrize(
    ("state", "words", "said"),
    [
        ("55P03", "Anfrage wird wegen Zeitüberschreitung beim Warten auf Sperre abgebrochen", "is locked"),
        ("40P01", "Verklemmung entdeckt", "is locked"),
        ("25006", "kann UPDATE nicht in einer Read-Only-Transaktion ausführen", "is read-only"),
        ("53100", "keine freien Blöcke mehr auf dem Gerät", "the disk is full"),
        ("42501", "keine Berechtigung für Tabelle Client", "refuses its user this"),
    ],
)
def test_by_code(state: str, words: str, said: str) -> None:
    """The SQLSTATE decides, and the remedy is told; no word of the statement or its values is."""
    error = from_server(state, words)

    assert (DatabaseUnavailableError, 7) == (type(error), error.exit_code)
    assert said in error.message
    assert error.hint
    assert "secret" not in f"{error.message} {error.hint}"


@pytest.mark.parametrize("state", ["42P01", "42703", "3F000"])
def test_not_there(state: str) -> None:
    """A table, column or schema that is missing is exit 5 and leads to `db check`."""
    error = from_server(state, "Relation »Client« existiert nicht", ProgrammingError)

    assert (NotMigratedError, 5) == (type(error), error.exit_code)
    assert "db check" in str(error.hint)


@pytest.mark.parametrize("statement", ['SELECT 1 FROM "Nothing"', 'SELECT "nothing"."x" FROM "Client"'])
def test_real(database: Database, statement: str) -> None:
    """What the databases themselves say of a table that is missing is exit 5 on both."""
    with pytest.raises(NotMigratedError, match="lacks a table or column"):
        in_one(database, statement)


def test_privilege(database: Database) -> None:
    """A user without rights is told so; on SQLite that is a file that cannot be written."""
    nobody = f"nobody_{secrets.token_hex(4)}"
    denied = (
        ["PRAGMA query_only = ON"]
        if database.is_sqlite
        else [f"CREATE ROLE {nobody}", f"SET LOCAL ROLE {nobody}"]
    )
    with pytest.raises(DatabaseUnavailableError, match=r"is read-only|refuses its user"):
        in_one(database, *denied, 'DELETE FROM "Client"')
