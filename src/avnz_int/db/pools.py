"""Queries over AccountPool and its members, and what their accounts took in a month."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, delete, func, select

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row
from avnz_int.model.enums import UsageStatus, UsageType

POOL = tables.AccountPool
MEMBER = tables.AccountPoolMember
ACCOUNT = tables.MerchantAccount
CLIENT = tables.Client
USAGE = tables.UsageRecord


def listing(connection: Connection, client_id: str | None = None, *, pool_id: str | None = None) -> list[Row]:
    """Pools with their `client` (slug), the organization's own first: all, of one client, or one."""
    statement = (
        select(*POOL.c, CLIENT.c.slug.label("client"))
        .outerjoin(CLIENT, CLIENT.c.id == POOL.c.clientId)
        .order_by(CLIENT.c.slug.is_not(None), CLIENT.c.slug, POOL.c.name, POOL.c.id)
    )
    return rows.every(connection, _limited(statement, client_id, pool_id))


def of_owner(connection: Connection, client_id: str | None, name: str | None = None) -> list[Row]:
    """The pools of one client, or (None) the organization's own, by name; or the one of this name."""
    owned = POOL.c.clientId.is_(None) if client_id is None else POOL.c.clientId == client_id
    statement = select(POOL).where(owned).order_by(POOL.c.name)
    if name is not None:
        statement = statement.where(POOL.c.name == name)
    return rows.every(connection, statement)


def members(connection: Connection, client_id: str | None = None, *, pool_id: str | None = None) -> list[Row]:
    """Members with their account's columns, in order of priority: of all pools, of a client's, or of one."""
    account = ACCOUNT.c
    statement = (
        select(
            *MEMBER.c,
            account.clientIntegrationId,
            account.platformIntegrationId,
            account.name,
            account.provider,
            account.environment,
            account.status,
            account.currency.label("accountCurrency"),
        )
        .join(ACCOUNT, account.id == MEMBER.c.merchantAccountId)
        .join(POOL, POOL.c.id == MEMBER.c.poolId)
        .order_by(MEMBER.c.priority, MEMBER.c.weight.desc(), MEMBER.c.createdAt, MEMBER.c.id)
    )
    return rows.every(connection, _limited(statement, client_id, pool_id))


def _limited(statement: Select[Any], client_id: str | None, pool_id: str | None) -> Select[Any]:
    if client_id is not None:
        statement = statement.where(POOL.c.clientId == client_id)
    return statement if pool_id is None else statement.where(POOL.c.id == pool_id)


def remove(connection: Connection, pool_id: str) -> None:
    """Delete a pool and its members."""
    connection.execute(delete(MEMBER).where(MEMBER.c.poolId == pool_id))
    rows.remove(connection, POOL, pool_id)


def charged_to_accounts(
    connection: Connection, client_id: str, month: str, start: datetime
) -> dict[tuple[str, str], int]:
    """(account, currency) -> approved charges of a client since `start`, the beginning of `month`."""
    return _charged(connection, "merchantAccountId", month, start, client_id)


def charged_to_platforms(connection: Connection, month: str, start: datetime) -> dict[tuple[str, str], int]:
    """(platform integration, currency) -> approved charges of all clients that use it, since `start`."""
    return _charged(connection, "platformIntegrationId", month, start)


def _charged(
    connection: Connection, by: str, month: str, start: datetime, client_id: str | None = None
) -> dict[tuple[str, str], int]:
    column = USAGE.c[by]
    statement = (
        select(column.label("of"), USAGE.c.currency, func.sum(USAGE.c.amount).label("total"))
        # The month that bills it has an index; what came late from the month before is not of this one.
        .where(
            USAGE.c.billingMonth == month,
            USAGE.c.occurredAt >= start,
            USAGE.c.type == UsageType.CHARGE.value,
            USAGE.c.status == UsageStatus.APPROVED.value,
            column.is_not(None),
        )
        .group_by(column, USAGE.c.currency)
    )
    if client_id is not None:
        statement = statement.where(USAGE.c.clientId == client_id)
    # PostgreSQL's sum of bigint is numeric.
    return {(row.of, row.currency): int(row.total) for row in connection.execute(statement)}
