"""Queries over DataKey, and over every sealed column: what key rotation walks.

A sealed column `credentials` has the id of its key beside it in `credentialsKeyId`, an index and no
authority. `SEALED` is read off the metadata, so that a new table cannot be forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import Connection, MetaData, Table, func, select, text, update

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row
from avnz_int.db.types import Sealed
from avnz_int.model.enums import KeyPurpose, KeyStatus

KEY = tables.DataKey
_IN_FORCE = ("environment", "settings")
_BEFORE = ("previousEnvironment", "previousSettings")


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """One sealed column, and the columns of the row that its seal is bound to.

    Attributes:
        owner: names the row's owner.
        environment: where the value was in force; `previousCredentials` have one of their own.
        settings: as they were in force.
    """

    table: Table
    column: str
    key_column: str
    owner: str
    environment: str
    settings: str


def sealed_columns(metadata: MetaData) -> tuple[SealedColumn, ...]:
    """Every sealed column of every table."""
    return tuple(
        SealedColumn(
            table,
            column.name,
            f"{column.name}KeyId",
            "clientId" if "clientId" in table.c else "organizationId",
            *(_BEFORE if column.name == "previousCredentials" else _IN_FORCE),
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


def listing(connection: Connection, purpose: KeyPurpose | None = None) -> Sequence[Row]:
    """All data keys, oldest first, or those of one purpose."""
    statement = select(KEY).order_by(KEY.c.activatedAt, KEY.c.id)
    if purpose is not None:
        statement = statement.where(KEY.c.purpose == purpose.value)
    return rows.every(connection, statement)


def needed(connection: Connection) -> list[Row]:
    """The active data keys, and the older ones beside whose id a sealed value stands."""
    held = listing(connection)
    older = [row for row in held if row["status"] == KeyStatus.DECRYPT_ONLY.value]
    found = [row for row in held if row["status"] == KeyStatus.ACTIVE.value]
    return found + [row for row in older if any(_is_named(connection, one, row["id"]) for one in SEALED)]


def _is_named(connection: Connection, sealed: SealedColumn, key_id: str) -> bool:
    column = sealed.table.c[sealed.key_column]
    return connection.execute(select(column).where(column == key_id).limit(1)).first() is not None


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


class Found(NamedTuple):
    """A sealed value as it was read.

    Attributes:
        cursor: of its row: the rowid on SQLite, the id on PostgreSQL.
        settings: of its row, as JSON text.
        value: JSON text on SQLite, parsed on PostgreSQL.
        key_id: what stands beside the value.
    """

    cursor: Any
    id: str
    owner: str
    provider: str
    environment: str
    settings: str | None
    value: Any
    key_id: str


def on_older_keys(
    connection: Connection,
    sealed: SealedColumn,
    active_id: str,
    *,
    after: Any,
    limit: int,
    lock: bool = False,
) -> list[Found]:
    """A page of rows sealed by another key than the active one.

    Args:
        connection: an open transaction.
        sealed: which column.
        active_id: the active key.
        after: the last cursor seen, None for the first page.
        limit: rows of a page.
        lock: hold the rows that nobody else holds, and leave the others out (PostgreSQL; SQLite has one
            writer at a time anyway).
    """
    return _page(connection, sealed, "<> :active", {"active": active_id}, after=after, limit=limit, lock=lock)


def sealed_values(
    connection: Connection, sealed: SealedColumn, *, after: Any = None, limit: int
) -> list[Found]:
    """A page of all sealed values, whatever key stands beside them."""
    return _page(connection, sealed, "IS NOT NULL", {}, after=after, limit=limit, lock=False)


def values_under(connection: Connection, sealed: SealedColumn, key_id: str) -> Iterator[Any]:
    """The sealed values beside which this key's id stands, and nothing else of their rows."""
    statement = text(
        f'SELECT "{sealed.column}" FROM "{sealed.table.name}" WHERE "{sealed.key_column}" = :key'  # noqa: S608  # names of ours
    )
    # Not all at once in memory.
    yield from connection.execute(statement, {"key": key_id}, execution_options={"yield_per": 1000}).scalars()


def _page(
    connection: Connection,
    sealed: SealedColumn,
    condition: str,
    values: dict[str, Any],
    *,
    after: Any,
    limit: int,
    lock: bool,
) -> list[Found]:
    # Plain text and tuples: of a rotation's time, columns' types and mappings took a tenth.
    postgres = connection.dialect.name == "postgresql"
    # SQLite by rowid: four times as fast as by a random text id.
    cursor, form = ("id", 'CAST("{}" AS text)') if postgres else ("rowid", '"{}"')
    settings = form.format(sealed.settings)
    statement = (
        f'SELECT {cursor}, id, "{sealed.owner}", provider, "{sealed.environment}", {settings},'  # noqa: S608  # names of ours
        f' "{sealed.column}", "{sealed.key_column}"'
        f' FROM "{sealed.table.name}" WHERE "{sealed.key_column}" {condition}'
        f"{'' if after is None else f' AND {cursor} > :after'} ORDER BY {cursor} LIMIT :most"
        # NO KEY UPDATE: whoever only refers to a row (a foreign key) is not kept waiting.
        f"{' FOR NO KEY UPDATE SKIP LOCKED' if lock and postgres else ''}"
    )
    bound = {**values, "most": limit} | ({} if after is None else {"after": after})
    return [Found._make(row) for row in connection.execute(text(statement), bound).all()]


def older_ids(connection: Connection, sealed: SealedColumn, active_id: str) -> set[str]:
    """Ids of the rows sealed by another key than the active one, whoever holds them."""
    return set(
        connection.scalars(select(sealed.table.c.id).where(sealed.table.c[sealed.key_column] != active_id))
    )


def require_active(connection: Connection, key_id: str) -> bool:
    """Whether a key is active; if so its material is not erased before the transaction ends."""
    statement = select(KEY.c.id).where(KEY.c.id == key_id, KEY.c.status == KeyStatus.ACTIVE.value)
    return connection.scalar(statement.with_for_update(read=True, key_share=True)) is not None


def give_back_seals(connection: Connection, key_id: str, seals: int) -> None:
    """Uncount seals that were reserved and not made."""
    connection.execute(update(KEY).where(KEY.c.id == key_id).values(sealCount=KEY.c.sealCount - seals))


def hold_old(connection: Connection) -> list[Row]:
    """The decrypt-only keys for credentials, oldest first, held: nobody seals by one until the end."""
    statement = (
        select(KEY)
        .where(KEY.c.purpose == KeyPurpose.CREDENTIALS.value, KEY.c.status == KeyStatus.DECRYPT_ONLY.value)
        .order_by(KEY.c.activatedAt, KEY.c.id)
        .with_for_update()
    )
    return rows.every(connection, statement)


def erase(connection: Connection, key_ids: Sequence[str], moment: datetime, actor_id: str) -> None:
    """Take the material of keys away for good."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA secure_delete = ON")  # what was there is written over with zeros
    values = {
        "status": KeyStatus.RETIRED.value,
        "wrappedKey": None,
        "retiredAt": moment,
        "updatedAt": moment,
        "updatedBy": actor_id,
    }
    connection.execute(update(KEY).where(KEY.c.id.in_(key_ids)).values(**values))


def scrub(connection: Connection) -> None:
    """Take earlier versions of data keys out of the database's own files; outside any transaction."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return
    connection.execution_options(isolation_level="AUTOCOMMIT")
    connection.exec_driver_sql(f'VACUUM "{KEY.name}"')


def definitions_state(connection: Connection) -> tuple[Any, ...]:
    """Another value as soon as a definition was added, changed or removed."""
    table = tables.metadata.tables["IntegrationDefinition"]
    return tuple(connection.execute(select(func.count(), func.max(table.c.updatedAt))).one())


def headers(connection: Connection, sealed: SealedColumn) -> list[tuple[str | None, int, str]]:
    """Each protected header that stands in a column: as it is, how many values have it, and the id of one.

    The header of a value that is no JSON object is None.
    """
    column = f'"{sealed.column}"'
    if connection.dialect.name == "postgresql":
        header = f"{column}->>'protected'"
    else:
        header = f"CASE WHEN json_valid({column}) THEN json_extract({column}, '$.protected') END"
    statement = (
        f'SELECT {header} AS header, count(*), min(id) FROM "{sealed.table.name}"'  # noqa: S608  # names of ours
        f" WHERE {column} IS NOT NULL GROUP BY 1 ORDER BY 1"
    )
    found = connection.execute(text(statement))
    return [(one if isinstance(one, str) else None, count, example) for one, count, example in found]


def hold(connection: Connection) -> None:
    """Keep others from making keys until the transaction ends (SQLite has one writer at a time anyway)."""
    if connection.dialect.name == "postgresql":
        connection.execute(text(f'LOCK TABLE "{KEY.name}" IN SHARE ROW EXCLUSIVE MODE'))


class Fresh(NamedTuple):
    """A value as it was read, and what is to stand in its place, as JSON text."""

    found: Found
    value: str


def put_resealed(connection: Connection, sealed: SealedColumn, active_id: str, batch: Sequence[Fresh]) -> int:
    """Write re-sealed values where the old ciphertext still stands; how many did."""
    if not batch:
        return 0
    table, column = sealed.table.name, sealed.column
    if connection.dialect.name == "postgresql":
        # Tag and nonce tell one ciphertext from every other: the whole of it need not travel. One JSON text:
        # as text[] for unnest, psycopg would escape every quote of every value (a third of the time).
        members = ",".join(
            f'{{"id":{json.dumps(found.id)},"tag":{json.dumps(found.value.get("tag"))},'
            f'"iv":{json.dumps(found.value.get("iv"))},"fresh":{fresh}}}'
            for found, fresh in batch
        )
        statement = (
            f'UPDATE "{table}" AS t SET "{column}" = n.fresh, "{sealed.key_column}" = :active'  # noqa: S608  # names of ours
            " FROM jsonb_to_recordset(CAST(:batch AS jsonb)) AS n(id text, tag text, iv text, fresh jsonb)"
            f" WHERE t.id = n.id AND t.\"{column}\"->>'tag' = n.tag AND t.\"{column}\"->>'iv' = n.iv"
        )
        return connection.execute(text(statement), {"active": active_id, "batch": f"[{members}]"}).rowcount
    # By the driver: SQLAlchemy would build a dictionary for each row. By rowid: ids are random.
    statement = (
        f'UPDATE "{table}" SET "{column}" = ?, "{sealed.key_column}" = ?'  # noqa: S608  # names of ours
        f' WHERE rowid = ? AND id = ? AND "{column}" = ?'
    )
    done = connection.exec_driver_sql(
        statement, [(fresh, active_id, found.cursor, found.id, found.value) for found, fresh in batch]
    )
    return done.rowcount
