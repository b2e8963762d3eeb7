"""Queries that read everything a manifest can describe: as many for ten integrations as for ten thousand."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, select

from avnz_int.db import clients, merchants, platform, prices, rows, tables, tokens
from avnz_int.db.rows import Row

TOKEN = tables.Token
# What no plan looks at: the sealed values, and what other commands keep in the row.
_UNREAD = {"credentials", "previousCredentials", "previousSettings", "usageThisMonth", "errorMessage"}


def client_integrations(connection: Connection) -> list[Row]:
    """All client integrations with their `client` (slug), without what is sealed; by client and name."""
    table, owner = clients.INTEGRATION, clients.CLIENT
    statement = (
        select(*(column for column in table.c if column.name not in _UNREAD), owner.c.slug.label("client"))
        .join(owner, owner.c.id == table.c.clientId)
        .order_by(owner.c.slug, table.c.provider, table.c.name)
    )
    return rows.every(connection, statement)


def platform_integrations(connection: Connection) -> list[Row]:
    """All platform integrations, without what is sealed; by provider."""
    table = platform.PLATFORM
    columns = [column for column in table.c if column.name not in _UNREAD]
    return rows.every(connection, select(*columns).order_by(table.c.provider))


def bound_clients(connection: Connection, moment: datetime) -> dict[str, str]:
    """Client id -> why the client cannot be removed, whatever else is removed before."""
    reasons = {
        "it has tokens in force": select(TOKEN.c.clientId).where(
            TOKEN.c.clientId.is_not(None), *tokens.live(moment)
        ),
        "it has merchant accounts, which transactions may name": select(merchants.ACCOUNT.c.clientId).where(
            merchants.ACCOUNT.c.clientId.is_not(None)
        ),
        "it has used the platform's integrations, which is on record": select(prices.PERIOD.c.clientId),
        "its usage is on record": select(prices.USAGE.c.clientId),
    }
    found: dict[str, str] = {}
    for reason, statement in reasons.items():
        for row in connection.execute(statement.distinct()):
            found[row[0]] = reason
    return found
