"""Queries over AuditEvent and AuditHead: append and read; nothing here changes or deletes an event."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, cast

from sqlalchemy import Connection, Text, func, select, type_coerce, update

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row
from avnz_int.model.inputs import EventFilter

EVENT = rows.table_of(tables.AuditEvent)
HEAD = rows.table_of(tables.AuditHead)


def lock_head(connection: Connection, chain: str) -> Row | None:
    """The end of a chain, held until the transaction ends."""
    return rows.first(connection, select(HEAD).where(HEAD.c.chain == chain).with_for_update())


def move_head(connection: Connection, chain: str, sequence: int, mac: str) -> None:
    """Set the end of a chain."""
    connection.execute(update(HEAD).where(HEAD.c.chain == chain).values(sequence=sequence, mac=mac))


def heads(connection: Connection) -> Sequence[Row]:
    """The ends of all chains."""
    return rows.every(connection, select(HEAD).order_by(HEAD.c.chain))


def events(connection: Connection, chain: str, *, until: int) -> Iterator[Row]:
    """The events of a chain up to a sequence number, in order, streamed.

    `occurredAt` is text, and on SQLite every column is as it is stored: somebody may have written there what
    is neither a time nor JSON, and that must not stop the reader.
    """
    if connection.dialect.name == "sqlite":
        columns: list[Any] = [type_coerce(column, Text).label(column.name) for column in EVENT.c]
    else:
        moment = func.to_char(func.timezone("UTC", EVENT.c.occurredAt), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        columns = [moment.label("occurredAt"), *(c for c in EVENT.c if c is not EVENT.c.occurredAt)]
    statement = (
        select(*columns).where(EVENT.c.chain == chain, EVENT.c.sequence <= until).order_by(EVENT.c.sequence)
    )
    streamed = connection.execute(statement, execution_options={"stream_results": True, "yield_per": 1000})
    yield from cast("Iterator[Row]", streamed.mappings())


def count_beyond(connection: Connection, chain: str) -> int:
    """How many events stand behind the end of their chain, in one statement: none is just being added."""
    statement = (
        select(func.count())
        .select_from(EVENT)
        .join(HEAD, HEAD.c.chain == EVENT.c.chain)
        .where(EVENT.c.chain == chain, EVENT.c.sequence > HEAD.c.sequence)
    )
    return connection.scalar(statement) or 0


def listing(connection: Connection, limits: EventFilter) -> Sequence[Row]:
    """Events, oldest first; `limit` keeps the newest."""
    statement = select(EVENT).order_by(EVENT.c.occurredAt.desc(), EVENT.c.chain, EVENT.c.sequence.desc())
    for column, value in (
        (EVENT.c.actorId, limits.actor),
        (EVENT.c.action, limits.action),
        (EVENT.c.targetId, limits.target),
        (EVENT.c.clientId, limits.client_id),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if limits.since is not None:
        statement = statement.where(EVENT.c.occurredAt >= limits.since)
    if limits.until is not None:
        statement = statement.where(EVENT.c.occurredAt <= limits.until)
    if limits.limit is not None:
        statement = statement.limit(limits.limit)
    return rows.every(connection, statement)[::-1]
