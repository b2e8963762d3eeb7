"""Queries over DataKey, and over every sealed column: what key rotation walks.

A sealed column `credentials` has the id of its key beside it in `credentialsKeyId`, an index and no
authority. `SEALED` is read off the metadata, so that a new table cannot be forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, MetaData, Table, bindparam, func, literal_column, select, text, update

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row
from avnz_int.db.types import Sealed
from avnz_int.model.enums import KeyPurpose, KeyStatus

KEY = rows.table_of(tables.DataKey)


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One sealed column; `owner` is the column that names the row's owner."""

    table: Table
    column: str
    key_column: str
    owner: str


def sealed_columns(metadata: MetaData) -> tuple[SealedColumn, ...]:
    """Every sealed column of every table."""
    return tuple(
        SealedColumn(
            table,
            column.name,
            f"{column.name}KeyId",
            "clientId" if "clientId" in table.c else "organizationId",
        )
        for table in metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, Sealed)
    )


SEALED = sealed_columns(tables.metadata)


def active(connection: Connection, purpose: KeyPurpose) -> Row | None:
    """The data key that seals now."""
    return rows.first(
        connection,
        select(KEY).where(KEY.c.purpose == purpose.value, KEY.c.status == KeyStatus.ACTIVE.value),
    )


def by_id(connection: Connection, key_id: str) -> Row | None:
    """One data key."""
    return rows.first(connection, select(KEY).where(KEY.c.id == key_id))


def listing(connection: Connection, purpose: KeyPurpose | None = None) -> Sequence[Row]:
    """All data keys, oldest first, or those of one purpose."""
    statement = select(KEY).order_by(KEY.c.activatedAt, KEY.c.id)
    if purpose is not None:
        statement = statement.where(KEY.c.purpose == purpose.value)
    return rows.every(connection, statement)


def readable_ids(connection: Connection) -> set[str]:
    """Ids of the credential keys that still have material."""
    statement = select(KEY.c.id).where(
        KEY.c.purpose == KeyPurpose.CREDENTIALS.value, KEY.c.status != KeyStatus.RETIRED.value
    )
    return set(connection.scalars(statement))


def reserve_seals(connection: Connection, key_id: str, seals: int) -> int | None:
    """Count `seals` on an active key; the new total, or None if the key is not active any more."""
    statement = (
        update(KEY)
        .where(KEY.c.id == key_id, KEY.c.status == KeyStatus.ACTIVE.value)
        .values(sealCount=KEY.c.sealCount + seals)
        .returning(KEY.c.sealCount)
    )
    total: int | None = connection.scalar(statement)
    return total


def counts(connection: Connection) -> dict[str, int]:
    """Key id -> how many sealed values name it, over every sealed column."""
    total: dict[str, int] = {}
    for sealed in SEALED:
        key = sealed.table.c[sealed.key_column]
        statement = select(key, func.count()).where(key.is_not(None)).group_by(key)
        for key_id, number in connection.execute(statement):
            total[key_id] = total.get(key_id, 0) + number
    return total


def on_older_keys(
    connection: Connection,
    sealed: SealedColumn,
    active_id: str,
    *,
    after: Any,
    limit: int,
    lock: bool = False,
) -> Sequence[Row]:
    """A page of rows sealed by another key than the active one.

    SQLite pages by rowid (four times as fast as by a random text id), PostgreSQL by id. The page cursor of
    a row is its `cursor`.

    `after` is the last cursor seen, None for the first page. `lock` holds the rows that nobody else holds and
    leaves the others out (PostgreSQL; SQLite has one writer at a time anyway).
    """
    table = sealed.table
    sqlite = connection.dialect.name == "sqlite"
    cursor: Any = literal_column("rowid") if sqlite else table.c.id
    statement = (
        select(
            cursor.label("cursor"),
            table.c.id,
            table.c[sealed.owner].label("owner"),
            table.c.provider,
            table.c.environment,
            table.c.settings,
            table.c[sealed.column].label("value"),
            table.c[sealed.key_column].label("keyId"),
        )
        .where(table.c[sealed.key_column] != active_id)
        .order_by(cursor)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(cursor > after)
    if lock:
        # NO KEY UPDATE: whoever only refers to a row (a foreign key) is not kept waiting.
        statement = statement.with_for_update(of=table, skip_locked=True, key_share=True)
    return rows.every(connection, statement)


def ids_on_older_keys(connection: Connection, sealed: SealedColumn, active_id: str) -> set[str]:
    """Ids of the rows sealed by another key than the active one, whoever holds them."""
    return set(
        connection.scalars(select(sealed.table.c.id).where(sealed.table.c[sealed.key_column] != active_id))
    )


def hold(connection: Connection) -> None:
    """Keep others from making keys until the transaction ends (SQLite has one writer at a time anyway)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f'LOCK TABLE "{KEY.name}" IN SHARE ROW EXCLUSIVE MODE'))


def put_resealed(
    connection: Connection, sealed: SealedColumn, active_id: str, batch: Sequence[tuple[str, Any, str]]
) -> int:
    """Write re-sealed values where the old ciphertext still stands; how many did.

    A member of the batch is (row id, value as it was read, new value).
    """
    if not batch:
        return 0
    table = sealed.table
    if connection.dialect.name == "postgresql":
        # One JSON text: as text[] for unnest, psycopg would escape every quote of every value, which took a
        # third of a rotation's time (measured).
        members = ",".join(
            f'{{"id":{json.dumps(row_id)},"old":{json.dumps(old)},"fresh":{fresh}}}'
            for row_id, old, fresh in batch
        )
        statement_text = (
            f'UPDATE "{table.name}" AS t SET "{sealed.column}" = n.fresh,'  # noqa: S608  # names of ours
            f' "{sealed.key_column}" = :active'
            " FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS n(id text, old jsonb, fresh jsonb)"
            f' WHERE t.id = n.id AND t."{sealed.column}" = n.old'
        )
        done = connection.execute(text(statement_text), {"active": active_id, "batch": f"[{members}]"})
        return done.rowcount
    statement = (
        update(table)
        .where(table.c.id == bindparam("row_id"), table.c[sealed.column] == bindparam("old"))
        .values({sealed.column: bindparam("new"), sealed.key_column: active_id})
    )
    done = connection.execute(
        statement, [{"row_id": row_id, "old": old, "new": new} for row_id, old, new in batch]
    )
    return done.rowcount
