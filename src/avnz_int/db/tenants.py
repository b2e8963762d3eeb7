"""Queries over Organization, Client and Company."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, Table, func, select

from avnz_int.db import rows, tables
from avnz_int.db.rows import Row

ORGANIZATION = tables.Organization
CLIENT = tables.Client
COMPANY = tables.Company
CLIENT_INTEGRATION = tables.ClientIntegration
PLATFORM_INTEGRATION = tables.PlatformIntegration
MERCHANT = tables.MerchantAccount


def organization(connection: Connection) -> Row | None:
    """The one organization of this database."""
    return rows.first(connection, select(ORGANIZATION))


def by_slug(connection: Connection, table: Table, slug: str) -> Row | None:
    """The tenant of one table with this slug."""
    return rows.first(connection, select(table).where(table.c.slug == slug))


def by_id(connection: Connection, table: Table, row_id: str) -> Row | None:
    """The tenant of one table with this id."""
    return rows.first(connection, select(table).where(table.c.id == row_id))


def any_by_slug(connection: Connection, slug: str) -> tuple[Table, Row] | None:
    """The tenant with this slug, whatever its kind; slugs are unique over all three tables."""
    for table in (ORGANIZATION, CLIENT, COMPANY):
        row = by_slug(connection, table, slug)
        if row is not None:
            return table, row
    return None


def clients(connection: Connection, client_id: str | None = None) -> Sequence[Row]:
    """All clients by slug, or the one with this id."""
    statement = select(CLIENT).order_by(CLIENT.c.slug)
    if client_id is not None:
        statement = statement.where(CLIENT.c.id == client_id)
    return rows.every(connection, statement)


def companies(connection: Connection, client_id: str | None = None) -> Sequence[Row]:
    """All companies by slug, or those of one client."""
    statement = select(COMPANY).order_by(COMPANY.c.slug)
    if client_id is not None:
        statement = statement.where(COMPANY.c.clientId == client_id)
    return rows.every(connection, statement)


def count(connection: Connection, table: Table, column: str, value: str) -> int:
    """How many rows of a table have this value in a column."""
    return connection.scalar(select(func.count()).select_from(table).where(table.c[column] == value)) or 0
