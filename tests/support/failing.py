"""Write to a database, read it, and take its failures apart."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import text

from avnz_int.db.engine import Database
from avnz_int.errors import AvnzError

CANARY = "hunter2-canary"
INSERT = (
    'INSERT INTO "Organization" (id, slug, name, "createdAt", "updatedAt", "createdBy")'
    " VALUES (:id, :id, :name, '2026-01-02T03:04:05.678Z', '2026-01-02T03:04:05.678Z', 'me')"
)


def insert(database: Database, row: str, name: str = "Org") -> None:
    """Write one organization."""
    with database.write() as connection:
        connection.execute(text(INSERT), {"id": row, "name": name})


def insert_amid(database: Database, happening: Callable[[], object]) -> None:
    """Write two organizations, between which something happens."""
    with database.write() as connection:
        connection.execute(text(INSERT), {"id": "first", "name": "First"})
        happening()
        connection.execute(text(INSERT), {"id": "second", "name": "Second"})


def slugs(database: Database) -> list[str]:
    """The organizations that are there."""
    with database.read() as connection:
        return sorted(connection.scalars(text('SELECT slug FROM "Organization"')))


def failure(database: Database) -> AvnzError:
    """The error of reading and writing it, none of whose words hold the canary."""
    with pytest.raises(AvnzError) as caught:
        insert(database, "new")
    database.close()
    error = caught.value
    assert CANARY not in f"{error} {error.hint} {error.details} {error.__cause__}"
    return error
