"""Queries over PlatformIntegration."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row
from avnz_int.model.filters import Filter

PLATFORM = tables.PlatformIntegration
CLIENT = tables.Client
CLIENT_INTEGRATION = tables.ClientIntegration


def by_id(connection: Connection, row_id: str, *, lock: bool = False) -> Row | None:
    """One row; `lock` keeps others from changing it until the transaction ends."""
    statement = select(PLATFORM).where(PLATFORM.c.id == row_id)
    return rows.first(connection, statement.with_for_update() if lock else statement)


def by_provider(connection: Connection, provider: str) -> Row | None:
    """The organization's integration of a provider: there is one at most."""
    return rows.first(connection, select(PLATFORM).where(PLATFORM.c.provider == provider))


def by_id_prefix(connection: Connection, prefix: str, limit: int = 10) -> Sequence[Row]:
    """Rows whose id starts so."""
    statement = select(PLATFORM).where(PLATFORM.c.id.startswith(prefix, autoescape=True)).limit(limit)
    return rows.every(connection, statement)


def listing(connection: Connection, limits: Filter, *, shared: bool = False) -> Sequence[Row]:
    """Rows by category and provider."""
    statement = select(PLATFORM).order_by(PLATFORM.c.category, PLATFORM.c.provider)
    for column in ("environment", "category", "provider", "status"):
        value = getattr(limits, column)
        if value is not None:
            statement = statement.where(PLATFORM.c[column] == value)
    if shared:
        statement = statement.where(PLATFORM.c.isSharedWithClients)
    return rows.every(connection, statement)


def for_new_clients(connection: Connection) -> Sequence[Row]:
    """Those that new clients use from their first day, by category and provider."""
    statement = select(PLATFORM).where(PLATFORM.c.isDefaultForNewClients)
    return rows.every(connection, statement.order_by(PLATFORM.c.category, PLATFORM.c.provider))


def dependents(connection: Connection, platform_id: str) -> Sequence[Row]:
    """The client integrations that use it: `id`, `client` (slug), `provider`, `name`, `status`."""
    c = CLIENT_INTEGRATION.c
    statement = (
        select(c.id, c.clientId, CLIENT.c.slug.label("client"), c.provider, c.name, c.status)
        .join(CLIENT, CLIENT.c.id == c.clientId)
        .where(c.platformIntegrationId == platform_id)
        .order_by(CLIENT.c.slug, c.name)
    )
    return rows.every(connection, statement)
