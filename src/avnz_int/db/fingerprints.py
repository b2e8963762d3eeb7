"""Queries over the fingerprints of credentials."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Table, func, or_, select, text

from avnz_int.db import rows
from avnz_int.db.integrations import TABLES
from avnz_int.db.rows import Row


def missing(connection: Connection, table: Table, key_id: str, *, after: str, limit: int) -> list[Row]:
    """A page of rows with credentials and without fingerprints by this key, held until the end.

    Args:
        connection: of the transaction.
        table: one of `TABLES`.
        key_id: the active key for fingerprints.
        after: the last id seen, "" for the first page.
        limit: rows of a page.
    """
    statement = (
        select(table)
        .where(_missing(connection, table, key_id), table.c.id > after)
        .order_by(table.c.id)
        .limit(limit)
        .with_for_update()
    )
    return rows.every(connection, statement)


def count_missing(connection: Connection, key_id: str) -> int:
    """How many rows with credentials have no fingerprints by this key."""
    return sum(
        connection.scalar(select(func.count()).select_from(table).where(_missing(connection, table, key_id)))
        or 0
        for table in TABLES
    )


def _missing(connection: Connection, table: Table, key_id: str) -> ColumnElement[bool]:
    column = f'"{table.name}"."credentialsFingerprints"'
    if connection.dialect.name == "postgresql":
        of_key = f"{column}->>'keyId'"
    else:
        of_key = f"CASE WHEN json_valid({column}) THEN json_extract({column}, '$.keyId') END"
    by_another = text(f"coalesce({of_key}, '') <> :key_id").bindparams(key_id=key_id)
    return or_(by_another, table.c.credentialsFingerprints.is_(None)) & table.c.credentials.is_not(None)
