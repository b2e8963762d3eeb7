"""Queries over price versions and activation periods: what platform integrations cost, and who uses them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row

USAGE = tables.UsageRecord
VERSION = tables.PriceVersion
PERIOD = tables.ActivationPeriod


def versions(connection: Connection, platform_integration_ids: Collection[str] | None = None) -> list[Row]:
    """All price versions, or those of some platform integrations, in the order in which they take effect."""
    statement = select(VERSION).order_by(VERSION.c.effectiveAt, VERSION.c.id)
    if platform_integration_ids is not None:
        statement = statement.where(VERSION.c.platformIntegrationId.in_(platform_integration_ids))
    return rows.every(connection, statement)


def periods(
    connection: Connection, start: datetime, end: datetime, *, client_id: str | None = None
) -> list[Row]:
    """The activation periods that reach into the time from `start` to before `end`."""
    statement = (
        select(PERIOD)
        .where(PERIOD.c.startedAt < end, or_(PERIOD.c.endedAt.is_(None), PERIOD.c.endedAt > start))
        .order_by(PERIOD.c.startedAt, PERIOD.c.id)
    )
    if client_id is not None:
        statement = statement.where(PERIOD.c.clientId == client_id)
    return rows.every(connection, statement)


def first_active(connection: Connection) -> datetime | None:
    """When a client was active for the first time."""
    found: datetime | None = connection.scalar(select(func.min(PERIOD.c.startedAt)))
    return found


def open_period(connection: Connection, client_integration_id: str) -> Row | None:
    """The activation period of a client integration that has not ended: there is one at most."""
    c = PERIOD.c
    statement = select(PERIOD).where(c.clientIntegrationId == client_integration_id, c.endedAt.is_(None))
    return rows.first(connection, statement)


def first_use(
    connection: Connection, version_ids: Collection[str], client_id: str | None, start: datetime, month: str
) -> datetime | None:
    """When one of these price versions was first used from `start` on, by one client or any; None: never.

    Args:
        connection: in a transaction.
        version_ids: of PriceVersion.
        client_id: None for any.
        start: of the time that is looked at.
        month: that of `start` (`2026-11`): no usage in that time is billed before.
    """
    c = USAGE.c
    statement = select(func.min(c.occurredAt)).where(
        c.billingMonth >= month, c.priceVersionId.in_(version_ids), c.occurredAt >= start
    )
    if client_id is not None:
        statement = statement.where(c.clientId == client_id)
    moment: datetime | None = connection.scalar(statement)
    return moment


def forget_client(connection: Connection, client_id: str) -> int:
    """Delete the prices of one client that never used any; how many there were."""
    done = connection.execute(VERSION.delete().where(VERSION.c.clientId == client_id))
    return done.rowcount
