"""Queries over price versions and activation periods: what platform integrations cost, and who uses them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row

VERSION = rows.table_of(tables.PriceVersion)
PERIOD = rows.table_of(tables.ActivationPeriod)


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
