"""Queries over AuditEvent and AuditHead: append and read; nothing here changes or deletes an event."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, Text, and_, false, func, or_, select, type_coerce, update

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row
from avnz_int.model.filters import EventFilter

EVENT = tables.AuditEvent
HEAD = tables.AuditHead


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
    statement = _as_stored(connection).where(EVENT.c.chain == chain, EVENT.c.sequence <= until)
    streamed = connection.execute(statement, execution_options={"stream_results": True, "yield_per": 1000})
    names = tuple(streamed.keys())
    for row in streamed:  # dicts: a mapping of SQLAlchemy's costs twice as much to look into
        yield dict(zip(names, row, strict=True))


def page(connection: Connection, chain: str, *, after: int, until: int, size: int) -> Sequence[Row]:
    """The next events of a chain, at most `size`, as `events` gives them."""
    statement = _as_stored(connection).where(
        EVENT.c.chain == chain, EVENT.c.sequence > after, EVENT.c.sequence <= until
    )
    return [dict(row) for row in rows.every(connection, statement.limit(size))]


def _as_stored(connection: Connection) -> Select[Any]:
    if connection.dialect.name == "sqlite":
        columns: list[Any] = [type_coerce(column, Text).label(column.name) for column in EVENT.c]
    else:
        moment = func.to_char(func.timezone("UTC", EVENT.c.occurredAt), 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
        columns = [moment.label("occurredAt"), *(c for c in EVENT.c if c is not EVENT.c.occurredAt)]
    return select(*columns).order_by(EVENT.c.sequence)


def count_beyond(connection: Connection, chain: str) -> int:
    """How many events stand behind the end of their chain, in one statement: none is just being added."""
    statement = (
        select(func.count())
        .select_from(EVENT)
        .join(HEAD, HEAD.c.chain == EVENT.c.chain)
        .where(EVENT.c.chain == chain, EVENT.c.sequence > HEAD.c.sequence)
    )
    return connection.scalar(statement) or 0


def listing(
    connection: Connection,
    limits: EventFilter,
    *,
    between: Mapping[str, tuple[int, int]] | None = None,
) -> Sequence[Row]:
    """Events, oldest first; `limit` keeps the newest.

    Args:
        connection: of the transaction.
        limits: what they are limited to.
        between: chain -> (after this sequence number, up to this one); no other chain's.
    """
    statement = select(EVENT).order_by(EVENT.c.occurredAt.desc(), EVENT.c.chain, EVENT.c.sequence.desc())
    for column, value in (
        (EVENT.c.actorId, limits.actor),
        (EVENT.c.actorRole, limits.role),
        (EVENT.c.action, limits.action),
        (EVENT.c.targetId, limits.target),
        (EVENT.c.clientId, limits.client_id),
        (EVENT.c.outcome, limits.outcome),
    ):
        if value is not None:
            statement = statement.where(column == value)
    if limits.since is not None:
        statement = statement.where(EVENT.c.occurredAt >= limits.since)
    if limits.until is not None:
        statement = statement.where(EVENT.c.occurredAt <= limits.until)
    if limits.before is not None:
        when, chain, sequence = limits.before
        sooner = or_(EVENT.c.chain > chain, and_(EVENT.c.chain == chain, EVENT.c.sequence < sequence))
        statement = statement.where(or_(EVENT.c.occurredAt < when, and_(EVENT.c.occurredAt == when, sooner)))
    if between is not None:
        parts = [
            and_(EVENT.c.chain == chain, EVENT.c.sequence > after, EVENT.c.sequence <= until)
            for chain, (after, until) in between.items()
        ]
        statement = statement.where(or_(false(), *parts))
    if limits.limit is not None:
        statement = statement.limit(limits.limit)
    return rows.every(connection, statement)[::-1]
