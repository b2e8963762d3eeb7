"""Queries over ClientIntegration; rows come with client slug and platform integration's status."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Column, Connection, Select, select

from avnz_int.db import previous, rows, tables
from avnz_int.db.rows import Row
from avnz_int.model.filters import Filter

INTEGRATION = tables.ClientIntegration
CLIENT = tables.Client
PLATFORM = tables.PlatformIntegration


# Those of a row that only its own change needs: a third of what reading a long listing costs.
_UNLISTED = {"credentialsFingerprints", *previous.COLUMNS} - {"previousCredentialsExpireAt"}
LISTED = tuple(column for column in INTEGRATION.c if column.name not in _UNLISTED)
"""The columns of a row but for what was before and fingerprints."""


def _rows(columns: Iterable[Column[Any]] = tuple(INTEGRATION.c)) -> Select[Any]:
    return (
        select(
            *columns,
            CLIENT.c.slug.label("client"),
            PLATFORM.c.status.label("platformStatus"),
        )
        .join(CLIENT, CLIENT.c.id == INTEGRATION.c.clientId)
        .outerjoin(PLATFORM, PLATFORM.c.id == INTEGRATION.c.platformIntegrationId)
    )


def by_id(connection: Connection, row_id: str, *, lock: bool = False) -> Row | None:
    """One row; `lock` keeps others from changing it until the transaction ends."""
    statement = _rows().where(INTEGRATION.c.id == row_id)
    return rows.first(connection, statement.with_for_update(of=INTEGRATION) if lock else statement)


def by_id_prefix(
    connection: Connection, prefix: str, client_id: str | None, limit: int = 10
) -> Sequence[Row]:
    """Rows whose id starts so, of one client or of all."""
    statement = _rows().where(INTEGRATION.c.id.startswith(prefix, autoescape=True)).limit(limit)
    if client_id is not None:
        statement = statement.where(INTEGRATION.c.clientId == client_id)
    return rows.every(connection, statement)


def by_name(connection: Connection, client_id: str, name: str, provider: str | None = None) -> Sequence[Row]:
    """Rows of a client with this name: one for each provider at most."""
    statement = _rows().where(INTEGRATION.c.clientId == client_id, INTEGRATION.c.name == name)
    if provider is not None:
        statement = statement.where(INTEGRATION.c.provider == provider)
    return rows.every(connection, statement)


def listing(connection: Connection, limits: Filter, *, client_id: str | None = None) -> Sequence[Row]:
    """Rows by client, category, priority and name, without what was before and without fingerprints."""
    c = INTEGRATION.c
    statement = _rows(LISTED).order_by(CLIENT.c.slug, c.category, c.priority, c.name, c.id)
    for column in ("environment", "category", "provider", "status"):
        value = getattr(limits, column)
        if value is not None:
            statement = statement.where(c[column] == value)
    if client_id is not None:
        statement = statement.where(c.clientId == client_id)
    return rows.every(connection, statement)


def current_default(connection: Connection, client_id: str, category: str, environment: str) -> Row | None:
    """The client's default of a category and environment."""
    c = INTEGRATION.c
    statement = _rows().where(
        c.clientId == client_id, c.category == category, c.environment == environment, c.isDefault
    )
    return rows.first(connection, statement)
