"""Queries over BillingMonth, Statement and StatementLine: append and read; nothing here changes a bill."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Connection, func, select

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row

MONTH = tables.BillingMonth
STATEMENT = tables.Statement
LINE = tables.StatementLine
CLIENT = tables.Client


def last_closed(connection: Connection) -> str | None:
    """The last month that was closed; every month before it is closed, too."""
    found: str | None = connection.scalar(select(func.max(MONTH.c.month)))
    return found


def month(connection: Connection, text: str) -> Row | None:
    """A month that was closed."""
    return rows.first(connection, select(MONTH).where(MONTH.c.month == text))


def statements(
    connection: Connection,
    *,
    client_id: str | None = None,
    month: str | None = None,
    statement_id: str | None = None,
) -> list[Row]:
    """Statements with their client's slug, by month, client, name and currency."""
    c = STATEMENT.c
    statement = (
        select(*c, CLIENT.c.slug.label("client"))
        .join(CLIENT, CLIENT.c.id == c.clientId)
        .order_by(c.month, CLIENT.c.slug, c.name, c.platformIntegrationId, c.currency)
    )
    for column, value in ((c.clientId, client_id), (c.month, month), (c.id, statement_id)):
        if value is not None:
            statement = statement.where(column == value)
    return rows.every(connection, statement)


def by_id_prefix(connection: Connection, prefix: str, client_id: str | None) -> list[str]:
    """The ids of statements that start so."""
    statement = select(STATEMENT.c.id).where(STATEMENT.c.id.startswith(prefix, autoescape=True)).limit(10)
    if client_id is not None:
        statement = statement.where(STATEMENT.c.clientId == client_id)
    return [row["id"] for row in rows.every(connection, statement)]


def lines(
    connection: Connection,
    *,
    client_id: str | None = None,
    month: str | None = None,
    statement_id: str | None = None,
) -> list[Row]:
    """The lines of the statements that `statements` gives, in their order."""
    c = STATEMENT.c
    statement = select(*LINE.c).join(STATEMENT, c.id == LINE.c.statementId)
    for column, value in ((c.clientId, client_id), (c.month, month), (c.id, statement_id)):
        if value is not None:
            statement = statement.where(column == value)
    return rows.every(connection, statement.order_by(LINE.c.statementId, LINE.c.number))


def lines_about(connection: Connection, months: Collection[str]) -> list[Row]:
    """The lines about usage of some months, with their statement's client, platform and currency."""
    c = STATEMENT.c
    statement = (
        select(*LINE.c, c.clientId, c.platformIntegrationId, c.currency)
        .join(STATEMENT, c.id == LINE.c.statementId)
        .where(LINE.c.month.in_(months))
    )
    return rows.every(connection, statement)


def add(connection: Connection, closed: Row, made: Sequence[Row], listed: Sequence[dict[str, Any]]) -> None:
    """Close a month: its row, its statements, their lines."""
    rows.add(connection, MONTH, closed)
    if made:
        rows.add_all(connection, STATEMENT, made)
    if listed:
        rows.add_all(connection, LINE, listed)
